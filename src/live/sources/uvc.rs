//! A webcam: frames.

use super::super::CameraChoice;
use super::super::source_kind::SourceKind;
use crate::camera::drivers::uvc::Uvc;

pub(super) static KIND: SourceKind = SourceKind {
    name: "uvc",
    aliases: &[],
    spellings: "uvc, uvc:NUMBER",
    has_events: false,
    check: |argument| match argument.map(str::parse::<u32>) {
        None => Ok(Some("0".to_owned())),
        Some(Ok(number)) => Ok(Some(number.to_string())),
        Some(Err(_)) => Err("the argument of uvc is a number, such as uvc:1".to_owned()),
    },
    open: |request| {
        // 0 is the first one that can be opened.
        let serial = request.text().filter(|number| number != "0");
        Ok(CameraChoice { serial, ..CameraChoice::new(Uvc::new()) })
    },
};
