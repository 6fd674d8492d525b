"""The edge to ROS 2: the node, its parameters, services and subscriptions."""
