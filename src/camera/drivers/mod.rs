//! One folder a kind of camera.

pub mod davis;
pub mod genicam;
pub mod uvc;
