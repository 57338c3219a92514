//! The kinds of sources that the window offers, and short names of sources.

use crate::live::{SourceName, Sources};

/// A kind of source that can be chosen.
pub(super) struct SourceKind {
    /// Prefix of its name on the command line.
    pub prefix: &'static str,
    /// Name in the dialog.
    pub name: &'static str,
    /// Name in the top bar.
    short: &'static str,
    /// Description in the dialog.
    pub about: &'static str,
    /// What may follow the prefix and a colon, if anything.
    pub argument: Option<Argument>,
}

/// Argument of a source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    Size,
    Serial,
    Number,
    Address,
    Path,
}

pub(super) const SOURCE_KINDS: [SourceKind; 7] = [
    SourceKind {
        prefix: "sim",
        name: "Simulated rig",
        short: "Simulated rig",
        about: "A moving scene, captured by two simulated cameras with independent clocks. It \
                has ground truth and needs no hardware.",
        argument: Some(Argument::Size),
    },
    SourceKind {
        prefix: "davis",
        name: "DAVIS camera",
        short: "DAVIS",
        about: "Frames and events of one DAVIS346, through libcaer. If it is not connected, the \
                program waits for it.",
        argument: Some(Argument::Serial),
    },
    SourceKind {
        prefix: "genicam",
        name: "GenICam camera",
        short: "GenICam",
        about: "A FLIR or another machine-vision camera, through Aravis.",
        argument: Some(Argument::Serial),
    },
    SourceKind {
        prefix: "uvc",
        name: "Webcam (UVC)",
        short: "Webcam",
        about: "Any camera that the operating system lists as a webcam.",
        argument: Some(Argument::Number),
    },
    SourceKind {
        prefix: "dv",
        name: "Camera through DV",
        short: "DV",
        about: "Any iniVation camera that the program DV has opened, here or on another computer: \
                switch on DV's network output for events and for frames.",
        argument: Some(Argument::Address),
    },
    SourceKind {
        prefix: "replay",
        name: "Recording",
        short: "Recording",
        about: "A folder of MS-RBD pairs, an AEDAT4 file, or pictures with events, a ROS bag, MCAP \
                or HDF5. They can also be dropped onto the window.",
        argument: Some(Argument::Path),
    },
    SourceKind {
        prefix: "clip",
        name: "Built-in clip",
        short: "Built-in clip",
        about: "A short sequence that is included in the program.",
        argument: None,
    },
];

impl SourceKind {
    /// Whether it can be used: as the only source, or for frames or events of two cameras.
    pub(super) fn fits(&self, two: bool, events: bool) -> bool {
        let arguments = ["", ":x", ":localhost:1,2"];
        let candidates = arguments.map(|argument| format!("{}{argument}", self.prefix));
        let name = candidates.iter().find_map(|name| name.parse::<SourceName>().ok());
        let fits = |n: &SourceName| match (two, events) {
            (false, _) => n.has_events(),
            (true, false) => !n.is_clip(),
            (true, true) => n.has_events() && !n.is_clip(),
        };
        name.is_some_and(|n| fits(&n))
    }
}

/// Short name of the sources, for the top bar and messages.
pub(super) fn short_name(sources: &Sources) -> String {
    match sources {
        Sources::One(name) => short_name_of_one(name),
        Sources::Two { frames, events } if frames == events => short_name_of_one(frames),
        Sources::Two { frames, events } => {
            format!("{} + {}", short_name_of_one(frames), short_name_of_one(events))
        }
    }
}

fn short_name_of_one(name: &SourceName) -> String {
    let text = name.to_string();
    let (prefix, argument) = text.split_once(':').unwrap_or((&text, ""));
    match prefix {
        "replay" => {
            let path = std::path::Path::new(argument);
            let last = path.file_name().map_or(argument.into(), |n| n.to_string_lossy());
            truncated(&last, MAX_LENGTH)
        }
        _ => {
            let known = SOURCE_KINDS.iter().find(|k| k.prefix == prefix);
            known.map_or_else(|| truncated(&text, MAX_LENGTH), |k| k.short.into())
        }
    }
}

/// Longest name of one source, in characters.
const MAX_LENGTH: usize = 22;

/// A name that is cut off after this many characters.
pub(super) fn truncated(name: &str, max_length: usize) -> String {
    if name.chars().count() <= max_length {
        return name.to_owned();
    }
    name.chars().take(max_length.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_names_are_shortened_for_the_top_bar() {
        let one = |name: &str| Sources::One(name.parse().unwrap());
        let short_name = |name: &str| short_name(&one(name));
        assert_eq!(short_name("sim:576x384"), "Simulated rig");
        assert_eq!(short_name("clip"), "Built-in clip");
        assert_eq!(short_name("dv:localhost:10101,10102"), "DV");
        assert_eq!(short_name("replay:/data/walk-003"), "walk-003");
        let long = short_name("replay:/data/a-very-long-name-of-a-recording.aedat4");
        assert_eq!(long.chars().count(), 22, "{long}");
    }

    #[test]
    fn every_kind_but_the_load_generator_can_be_chosen() {
        let offered = |two, events| {
            let fitting = SOURCE_KINDS.iter().filter(|kind| kind.fits(two, events));
            fitting.map(|kind| kind.prefix).collect::<Vec<_>>()
        };
        assert_eq!(offered(false, false), ["sim", "davis", "dv", "replay", "clip"]);
        assert_eq!(offered(true, false), ["sim", "davis", "genicam", "uvc", "dv", "replay"]);
        assert_eq!(offered(true, true), ["sim", "davis", "dv", "replay"]);
    }
}
