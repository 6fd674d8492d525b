"""The main job, shown: a flight log through a ROS 2 service call into S3, and back."""
