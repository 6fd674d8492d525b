"""What the node does, whoever asks for it: ROS 2, or HTTP."""
