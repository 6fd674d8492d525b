"""The three ways to the bucket, in one shape: services of ROS, REST and ``S3BucketProxy``."""
