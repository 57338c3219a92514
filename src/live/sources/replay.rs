//! A recording: an AEDAT4 file or a folder of MS-RBD pairs.

use super::super::CameraChoice;
use super::super::source_kind::{OpenError, Playback, SourceKind};
use crate::camera::Settings;
use crate::sequence::replay::{Replay, ReplaySettings};

pub(super) static KIND: SourceKind = SourceKind {
    name: "replay",
    aliases: &[],
    spellings: "replay:PATH",
    has_events: true,
    check: |argument| match argument {
        Some(path) => Ok(Some(path.to_owned())),
        None => Err("name the recording: replay:PATH".to_owned()),
    },
    open: |request| {
        let path = request.name.recording().unwrap_or_else(|| std::path::Path::new(""));
        if !path.exists() {
            return Err(OpenError::Missing(path.to_owned()));
        }
        let once = request.playback == Playback::Once;
        let play = ReplaySettings { looped: !once, end: once, speed: 1.0 };
        let settings = Settings { lossless: true, ..Settings::default() };
        // It may be paused for any time.
        request.rig.sync.max_wait_us = None;
        // No event of a recording is late: what is missing is not in it.
        request.rig.sync.patience_us = 0;
        let replay = Replay::new(path, play).timed(request.times);
        let monitor = Some(replay.monitor());
        Ok(CameraChoice { settings, monitor, ..CameraChoice::new(replay) })
    },
};
