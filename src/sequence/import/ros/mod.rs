//! Recordings of ROS: bags of ROS 1, and MCAP files of ROS 2.

mod container;
mod mcap_file;
mod messages;
mod packet;
mod recording;
mod rosbag;
mod scan;
mod wire;

pub(super) use recording::RosRecording;
