//! DV's live streams: frames and events of an iniVation camera, or events alone.

use super::super::CameraChoice;
use super::super::source_kind::{OpenError, SourceKind};
use crate::camera::drivers::dv::Dv;
use crate::camera::split::StreamKind;

pub(super) static KIND: SourceKind = SourceKind {
    name: "dv",
    aliases: &[],
    spellings: "dv:HOST:PORT[,FRAMES_PORT[,TRIGGERS_PORT]]",
    has_events: true,
    check: |argument| {
        let text = argument.ok_or("an address is needed, such as dv:localhost:10101,10102")?;
        Dv::parse(text).map(|_| Some(text.to_owned()))
    },
    open: |request| {
        let text = request.text().unwrap_or_default();
        let driver = Dv::parse(&text).map_err(OpenError::Argument)?;
        let driver = match request.stream {
            Some(stream) => driver.only(stream).map_err(OpenError::Argument)?,
            None => driver,
        };
        if request.stream != Some(StreamKind::Events) && !driver.has_frames() {
            let name = request.name;
            return Err(OpenError::Argument(format!(
                "{name} delivers events alone: add the port of its frames ({name},FRAMES_PORT), or \
                 use it as --event-source beside a --frame-source"
            )));
        }
        Ok(CameraChoice::new(driver))
    },
};
