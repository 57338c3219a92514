//! The names of sources on the command line.

use crate::simulate::load_generator::LoadModel;
use crate::simulate::sim_camera::SimName;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::str::FromStr;

/// A source of frames, of events, or of both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceName {
    /// The embedded clip.
    #[default]
    Clip,
    /// A DAVIS: frames and events of one chip. With a serial number, only that device.
    Davis(Option<String>),
    /// The simulated rig.
    Sim(SimName),
    /// A rendered loop at a given rate, to measure the throughput of the pipeline.
    Load(LoadModel),
    /// A recording: an AEDAT4 file or a folder of MS-RBD pairs.
    Replay(PathBuf),
    /// A FLIR or other GenICam camera: frames. With a serial number, only that device.
    Genicam(Option<String>),
    /// A webcam: frames. The number is its index in the system's list; 0 is the first one that can
    /// be opened.
    Uvc(u32),
}

/// Valid values of `--source` and similar options, for messages.
const KNOWN: &str = "clip, sim, sim:WIDTHxHEIGHT, sim:WIDTHxHEIGHT@FRAMES, \
                     loadgen:SIZE@FRAMES,EVENTS, davis, davis:SERIAL, replay:PATH, genicam, genicam:SERIAL, uvc, uvc:NUMBER";

impl SourceName {
    /// Whether it delivers frames.
    pub fn gives_frames(&self) -> bool {
        true
    }

    /// Whether it delivers events.
    pub fn gives_events(&self) -> bool {
        !matches!(self, Self::Genicam(_) | Self::Uvc(_))
    }
}

impl FromStr for SourceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').map_or((text, None), |(k, r)| (k, Some(r)));
        match (kind, rest.filter(|r| !r.is_empty())) {
            ("clip", None) => Ok(Self::Clip),
            ("sim", None) => Ok(Self::Sim(SimName::small())),
            ("sim", Some(which)) => which.parse().map(Self::Sim),
            ("loadgen" | "load", rates) => rates.unwrap_or_default().parse().map(Self::Load),
            ("davis", serial) => Ok(Self::Davis(serial.map(str::to_owned))),
            ("genicam", serial) => Ok(Self::Genicam(serial.map(str::to_owned))),
            ("uvc", None) => Ok(Self::Uvc(0)),
            ("uvc", Some(number)) => {
                let number = number.parse();
                number
                    .map(Self::Uvc)
                    .map_err(|_| format!("{text}: uvc: must be followed by a number"))
            }
            ("replay", Some(path)) => Ok(Self::Replay(path.into())),
            ("replay", None) => Err("replay needs a path: replay:PATH".into()),
            _ => Err(format!("{text} is not a source: use one of {KNOWN}")),
        }
    }
}

impl Display for SourceName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clip => write!(f, "clip"),
            Self::Sim(which) => write!(f, "sim:{which}"),
            Self::Load(rates) => write!(f, "loadgen:{rates}"),
            Self::Davis(None) => write!(f, "davis"),
            Self::Davis(Some(serial)) => write!(f, "davis:{serial}"),
            Self::Genicam(None) => write!(f, "genicam"),
            Self::Genicam(Some(serial)) => write!(f, "genicam:{serial}"),
            Self::Uvc(number) => write!(f, "uvc:{number}"),
            Self::Replay(path) => write!(f, "replay:{}", path.display()),
        }
    }
}

/// One source for frames and events, or one source for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sources {
    /// One device for both.
    One(SourceName),
    /// A frame camera and an event camera.
    Two {
        /// The source of the frames.
        frames: SourceName,
        /// The source of the events.
        events: SourceName,
    },
}

impl Default for Sources {
    fn default() -> Self {
        Self::One(SourceName::default())
    }
}

impl From<SourceName> for Sources {
    fn from(name: SourceName) -> Self {
        Self::One(name)
    }
}

impl Display for Sources {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(name) => name.fmt(f),
            Self::Two { frames, events } => write!(f, "{frames} + {events}"),
        }
    }
}
