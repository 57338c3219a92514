//! Which cameras: the options that `live`, `record` and `align` share.

use super::Failure;
use gem_live::pipeline::{SourceName, Sources};

/// One source for frames and events, or one for each.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct SourceArguments {
    /// clip, sim, sim:WIDTHxHEIGHT@FRAMES, davis, davis:SERIAL, replay:PATH (an AEDAT4 file, a folder of
    /// MS-RBD pairs), or load:1152x768@60,12M (a rendered loop, to measure the path).
    #[arg(long, conflicts_with_all = ["frame_source", "event_source"])]
    source: Option<SourceName>,
    /// Of two cameras the one for frames: genicam, genicam:SERIAL, uvc:NUMBER, davis, sim, replay:PATH.
    #[arg(long, requires = "event_source")]
    frame_source: Option<SourceName>,
    /// Of two cameras the one for events: davis, davis:SERIAL, sim, replay:PATH.
    #[arg(long, requires = "frame_source")]
    event_source: Option<SourceName>,
}

impl SourceArguments {
    /// The sources that are named, if any are.
    pub(super) fn sources(&self) -> Option<Sources> {
        match (&self.frame_source, &self.event_source) {
            (Some(frames), Some(events)) => {
                Some(Sources::Two { frames: frames.clone(), events: events.clone() })
            }
            _ => self.source.clone().map(Sources::One),
        }
    }

    /// The sources that are named.
    pub(super) fn required(&self) -> Result<Sources, Failure> {
        self.sources().ok_or_else(|| {
            "name the cameras: --source sim, or --frame-source and --event-source".into()
        })
    }
}
