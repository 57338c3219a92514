//! A recording: an AEDAT4 file or a folder of MS-RBD pairs.

use super::super::CameraChoice;
use super::super::source_kind::{OpenError, Playback, SourceKind};
use crate::camera::StreamSettings;
use crate::sequence::replay::{Replay, ReplayOptions, ReplaySettings};
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// Reading may take its time, from a slow disk for instance: a recording never counts as a camera
/// whose library hangs.
const TIMEOUT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub(super) static KIND: SourceKind = SourceKind {
    name: "replay",
    aliases: &[],
    spellings: "replay:PATH, replay:PATH,camera=NAME",
    has_events: true,
    check: |argument| match argument {
        Some(argument) => split(argument.as_ref()).map(|_| Some(argument.to_owned())),
        None => Err("name the recording: replay:PATH".to_owned()),
    },
    open: |request| {
        let argument = request.name.argument().unwrap_or_default();
        let (path, options) = split(argument).map_err(OpenError::Argument)?;
        if !path.exists() {
            return Err(OpenError::Missing(path.to_owned()));
        }
        let once = request.playback == Playback::Once;
        let play = ReplaySettings { looped: !once, end: once, speed: 1.0 };
        let settings = StreamSettings {
            lossless: true,
            stall: TIMEOUT,
            open_stall: TIMEOUT,
            ..StreamSettings::default()
        };
        // It may be paused for any time.
        request.rig.sync.max_wait_us = None;
        // No event of a recording is late: what is missing is not in it.
        request.rig.sync.packet_timeout_us = 0;
        let replay =
            Replay::new(path, play).with_options(options).timed(request.times).only(request.stream);
        let monitor = Some(replay.monitor());
        Ok(CameraChoice { settings, monitor, ..CameraChoice::new(replay) })
    },
};

/// Splits `PATH,camera=NAME,...` into the path and the options. If there is a file with all of that
/// as its name, all of it is the path.
pub(super) fn split(argument: &OsStr) -> Result<(&Path, ReplayOptions), String> {
    if Path::new(argument).exists() {
        return Ok((Path::new(argument), ReplayOptions::default()));
    }
    ReplayOptions::split(argument)
}
