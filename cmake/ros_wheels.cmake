# Passed as -DCMAKE_PROJECT_INCLUDE=<this file> where the package is built into a virtual
# environment, with ROS 2 from PyPI's "ros-*" wheels. Works around two things at which CMake
# refuses to generate, once all targets are known.

# The wheels' exported targets name include folders of the computer that they were built on.
function(_ros_wheels_drop_missing_includes)
  get_property(_targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(_target IN LISTS _targets)
    get_target_property(_dirs ${_target} INTERFACE_INCLUDE_DIRECTORIES)
    set(_kept "")
    foreach(_dir IN LISTS _dirs)
      if(NOT IS_ABSOLUTE "${_dir}" OR EXISTS "${_dir}")
        list(APPEND _kept "${_dir}")
      endif()
    endforeach()
    if(_dirs AND NOT "${_kept}" STREQUAL "${_dirs}")
      set_target_properties(${_target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_kept}")
    endif()
  endforeach()
endfunction()

# The generators export the include folder of NumPy, which no exported target may do if it is in
# the source tree: where the virtual environment is in the checkout.
function(_ros_wheels_keep_own_includes_to_the_build)
  get_property(_targets DIRECTORY PROPERTY BUILDSYSTEM_TARGETS)
  foreach(_target IN LISTS _targets)
    get_target_property(_dirs ${_target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT _dirs)
      continue()
    endif()
    set(_kept "")
    foreach(_dir IN LISTS _dirs)
      if(IS_ABSOLUTE "${_dir}")
        list(APPEND _kept "$<BUILD_INTERFACE:${_dir}>")
      else()
        list(APPEND _kept "${_dir}")
      endif()
    endforeach()
    set_target_properties(${_target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_kept}")
  endforeach()
endfunction()

cmake_language(DEFER CALL _ros_wheels_drop_missing_includes)
cmake_language(DEFER CALL _ros_wheels_keep_own_includes_to_the_build)
