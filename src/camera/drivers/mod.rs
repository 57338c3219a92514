//! The camera drivers, one folder per kind of camera.

pub mod davis;
pub mod dv;
mod frame_numbers;
pub mod genicam;
mod library_file;
pub mod neuromorphic;
mod timestamp_mark;
pub mod uvc;
