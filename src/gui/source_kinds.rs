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
    /// It has no frames: it is used for the events beside a frame camera.
    events_only: bool,
}

/// A camera without frames that needs no library.
const fn event_camera(
    prefix: &'static str,
    name: &'static str,
    short: &'static str,
    about: &'static str,
) -> SourceKind {
    let argument = Some(Argument::Serial);
    SourceKind { prefix, name, short, about, argument, events_only: true }
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

pub(super) const SOURCE_KINDS: [SourceKind; 12] = [
    SourceKind {
        prefix: "sim",
        name: "Simulated rig",
        short: "Simulated rig",
        about: "A moving scene, captured by two simulated cameras with independent clocks. It \
                has ground truth and needs no hardware.",
        argument: Some(Argument::Size),
        events_only: false,
    },
    SourceKind {
        prefix: "davis",
        name: "DAVIS camera",
        short: "DAVIS",
        about: "Frames and events of one DAVIS346, through libcaer. If it is not connected, the \
                program waits for it.",
        argument: Some(Argument::Serial),
        events_only: false,
    },
    SourceKind {
        prefix: "genicam",
        name: "GenICam camera",
        short: "GenICam",
        about: "A FLIR or another machine-vision camera, through Aravis.",
        argument: Some(Argument::Serial),
        events_only: false,
    },
    SourceKind {
        prefix: "uvc",
        name: "Webcam (UVC)",
        short: "Webcam",
        about: "Any camera that the operating system lists as a webcam.",
        argument: Some(Argument::Number),
        events_only: false,
    },
    SourceKind {
        prefix: "dv",
        name: "Camera through DV",
        short: "DV",
        about: "Any iniVation camera that the program DV has opened, here or on another computer: \
                switch on DV's network output for events and for frames.",
        argument: Some(Argument::Address),
        events_only: false,
    },
    event_camera(
        "evk4",
        "Prophesee EVK4",
        "EVK4",
        "The events of a Prophesee EVK4. If it is not connected, the program waits for it.",
    ),
    event_camera(
        "evk3",
        "Prophesee EVK3 HD",
        "EVK3",
        "The events of a Prophesee EVK3 HD. If it is not connected, the program waits for it.",
    ),
    event_camera(
        "silkyevcam",
        "SilkyEvCam",
        "SilkyEvCam",
        "The events of a SilkyEvCam HD or VGA. If it is not connected, the program waits for it.",
    ),
    event_camera(
        "ueye",
        "IDS uEye",
        "uEye",
        "The events of an IDS uEye EVS. If it is not connected, the program waits for it.",
    ),
    event_camera(
        "dvxplorer",
        "DVXplorer",
        "DVXplorer",
        "The events of a DVXplorer. With newer firmware it is opened through DV instead.",
    ),
    SourceKind {
        prefix: "replay",
        name: "Recording",
        short: "Recording",
        about: "A folder of MS-RBD pairs, an AEDAT4 file, or pictures with events, a ROS bag, MCAP \
                or HDF5. They can also be dropped onto the window.",
        argument: Some(Argument::Path),
        events_only: false,
    },
    SourceKind {
        prefix: "clip",
        name: "Built-in clip",
        short: "Built-in clip",
        about: "A short sequence that is included in the program.",
        argument: None,
        events_only: false,
    },
];

impl SourceKind {
    /// Whether it can be used: as the only source, or for frames or events of two cameras.
    pub(super) fn fits(&self, two: bool, events: bool) -> bool {
        let arguments = ["", ":x", ":localhost:1,2"];
        let candidates = arguments.map(|argument| format!("{}{argument}", self.prefix));
        let name = candidates.iter().find_map(|name| name.parse::<SourceName>().ok());
        let fits = |n: &SourceName| match (two, events) {
            (false, _) => n.has_events() && !self.events_only,
            (true, false) => !n.is_clip() && !self.events_only,
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
    use crate::live::sources::KINDS;

    #[test]
    fn source_names_are_shortened_for_the_top_bar() {
        let one = |name: &str| Sources::One(name.parse().unwrap());
        let short_name = |name: &str| short_name(&one(name));
        assert_eq!(short_name("sim:576x384"), "Simulated rig");
        assert_eq!(short_name("clip"), "Built-in clip");
        assert_eq!(short_name("dv:localhost:10101,10102"), "DV");
        assert_eq!(short_name("evk4:00050a2b"), "EVK4");
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
        let cameras = ["evk4", "evk3", "silkyevcam", "ueye", "dvxplorer"];
        let events = [&["sim", "davis", "dv"][..], &cameras, &["replay"]].concat();
        assert_eq!(offered(true, true), events);
        let known = |name: &str| SOURCE_KINDS.iter().any(|kind| kind.prefix == name);
        let missing = KINDS.iter().map(|kind| kind.name).filter(|name| !known(name));
        assert_eq!(missing.collect::<Vec<_>>(), ["loadgen"]);
    }
}
