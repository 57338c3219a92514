//! The camera drivers, one folder per kind of camera.

pub mod davis;
pub mod dv;
pub mod genicam;
pub mod uvc;
