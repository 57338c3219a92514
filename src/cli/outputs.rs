//! Where restored frames are sent, beside the window: options of `gem-live live`.

use super::failure::Failure;
use gem_live::live::FrameOutput;
use gem_live::live::serve::{DvServer, ServeAddress};
use gem_live::program;
#[cfg(target_os = "linux")]
use gem_live::{camera::drivers::uvc::v4l2::VideoOutput, live::serve::VirtualCamera};
use std::net::SocketAddr;
#[cfg(target_os = "linux")]
use std::path::PathBuf;
use std::sync::Arc;

#[derive(clap::Args, Default)]
pub(crate) struct OutputArguments {
    /// Offer the exposures' events at PORT and the restored frames at FRAMES_PORT [default: PORT + 1]
    /// as DV streams: dv:PORT for programs on this computer, dv:0.0.0.0:PORT for all computers.
    #[arg(long, value_name = "dv:[HOST:]PORT[,FRAMES_PORT]")]
    serve: Option<ServeAddress>,
    /// Write the restored frames to a video output device, such as /dev/video9 of v4l2loopback.
    #[cfg(target_os = "linux")]
    #[arg(long, value_name = "DEVICE")]
    virtual_camera: Option<PathBuf>,
}

impl OutputArguments {
    /// Whether there is an output.
    pub(super) fn any(&self) -> bool {
        #[cfg(target_os = "linux")]
        let virtual_camera = self.virtual_camera.is_some();
        #[cfg(not(target_os = "linux"))]
        let virtual_camera = false;
        self.serve.is_some() || virtual_camera
    }

    /// Opens the outputs, and prints where they are.
    pub(super) fn open(&self) -> Result<Vec<Arc<dyn FrameOutput>>, Failure> {
        let mut outputs: Vec<Arc<dyn FrameOutput>> = Vec::new();
        if let Some(address) = &self.serve {
            let server = DvServer::start(address).map_err(|e| format!("--serve: {e}"))?;
            let (events, frames) = (server.events_address(), server.frames_address());
            let source = source(events, frames);
            eprintln!(
                "gem-live: events at {events}, restored frames at {frames}; to read both: {} \
                 --source {source}",
                program::command()
            );
            outputs.push(Arc::new(server));
        }
        #[cfg(target_os = "linux")]
        if let Some(path) = &self.virtual_camera {
            let failed = |e: &dyn std::fmt::Display| format!("--virtual-camera: {e}");
            let device = VideoOutput::open(path).map_err(|e| failed(&e))?;
            outputs.push(Arc::new(VirtualCamera::start(device).map_err(|e| failed(&e))?));
        }
        Ok(outputs)
    }
}

/// The source that reads both streams.
fn source(events: SocketAddr, frames: SocketAddr) -> String {
    // The address of all networks cannot be connected to.
    let host = if events.ip().is_unspecified() { "HOST".into() } else { events.ip().to_string() };
    format!("dv:{host}:{},{}", events.port(), frames.port())
}
