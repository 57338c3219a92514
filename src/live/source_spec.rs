//! One source, or one for frames and one for events.

use super::source_kind::SourceName;
use std::fmt::{self, Display, Formatter};
use std::path::Path;

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

impl Sources {
    /// The path, if it is one recording.
    pub fn recording(&self) -> Option<&Path> {
        match self {
            Self::One(name) => name.recording(),
            Self::Two { .. } => None,
        }
    }
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
