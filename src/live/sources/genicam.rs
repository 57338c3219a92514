//! A FLIR or other GenICam camera: frames.

use super::super::CameraChoice;
use super::super::source_kind::{SourceKind, serial};
use crate::camera::drivers::genicam::GenIcam;

pub(super) static KIND: SourceKind = SourceKind {
    name: "genicam",
    aliases: &[],
    spellings: "genicam, genicam:SERIAL",
    has_events: false,
    check: serial,
    open: |request| {
        Ok(CameraChoice { serial: request.text(), ..CameraChoice::new(GenIcam::default()) })
    },
};
