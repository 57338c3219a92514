//! The names of sources, as a person writes them.

use crate::simulate::load_generator::LoadModel;
use crate::simulate::sim_camera::SimName;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::str::FromStr;

/// Where pictures or events come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceName {
    /// The clip in the program.
    #[default]
    Clip,
    /// A DAVIS: its own frames and events; of this serial number, if one is given.
    Davis(Option<String>),
    /// The simulated rig.
    Sim(SimName),
    /// A rendered loop at a rate that is given, to measure the path.
    Load(LoadModel),
    /// A recording: an AEDAT4 file, or a folder of MS-RBD pairs.
    Replay(PathBuf),
    /// A FLIR or another GenICam camera: frames; of this serial number, if one is given.
    Genicam(Option<String>),
    /// A web camera: frames; the n-th that the system lists.
    Uvc(u32),
}

/// What stands after `--source` and the like, for messages.
const KNOWN: &str = "clip, sim, sim:WIDTHxHEIGHT, sim:WIDTHxHEIGHT@FRAMES, loadgen:SIZE@FRAMES,EVENTS, davis, davis:SERIAL, \
                     replay:PATH, genicam, genicam:SERIAL, uvc, uvc:NUMBER";

impl SourceName {
    /// Whether it gives frames.
    pub fn gives_frames(&self) -> bool {
        true
    }

    /// Whether it gives events.
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
                number.map(Self::Uvc).map_err(|_| format!("{text}: a number follows uvc:"))
            }
            ("replay", Some(path)) => Ok(Self::Replay(path.into())),
            ("replay", None) => Err("name the recording: replay:PATH".into()),
            _ => Err(format!("{text} is none of {KNOWN}")),
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

/// One source for frames and events, or one for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sources {
    /// One device that gives both.
    One(SourceName),
    /// A frame camera and an event camera.
    Two {
        /// Gives the frames.
        frames: SourceName,
        /// Gives the events.
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
