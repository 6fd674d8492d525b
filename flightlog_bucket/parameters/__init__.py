"""The parameters of the node, without ROS: what there is, what they take, what they amount to."""
