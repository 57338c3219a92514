//! A DAVIS: frames and events of one chip.

use super::super::CameraChoice;
use super::super::source_kind::{SourceKind, serial};
use crate::camera::drivers::neuromorphic::AnyDavis;

pub(super) static KIND: SourceKind = SourceKind {
    name: "davis",
    aliases: &[],
    spellings: "davis, davis:SERIAL",
    has_events: true,
    check: serial,
    open: |request| {
        // As one of two cameras it need not send the stream that the other one is there for.
        let driver = match request.stream {
            Some(stream) => AnyDavis::new().only(stream),
            None => AnyDavis::new(),
        };
        Ok(CameraChoice { serial: request.text(), ..CameraChoice::new(driver) })
    },
};
