//! Which camera and which streams of a file are played.

use crate::formats::aedat4::{PacketKind, StreamInfo};
use std::collections::BTreeMap;

/// Largest number of streams of one kind and camera, and of cameras; recordings have a few.
const MAX_STREAMS: usize = 16;
const MAX_CAMERAS: usize = 64;

/// Names with commas between them, as many as can be read.
pub(super) fn joined(names: &[impl AsRef<str>]) -> String {
    const SHOWN: usize = 8;
    let short = |name: &str| name.chars().take(60).collect::<String>();
    let mut text: Vec<String> = names.iter().take(SHOWN).map(|n| short(n.as_ref())).collect();
    if names.len() > SHOWN {
        text.push(format!("and {} more", names.len() - SHOWN));
    }
    text.join(", ")
}

/// The streams of one camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Camera {
    /// Its name in the header, or a number where the header names none.
    pub(super) name: String,
    /// Streams with at least one packet; those that are preferred come first.
    pub(super) events: Vec<StreamInfo>,
    pub(super) frames: Vec<StreamInfo>,
    pub(super) triggers: Vec<StreamInfo>,
}

impl Camera {
    fn new(name: String) -> Self {
        Self { name, events: Vec::new(), frames: Vec::new(), triggers: Vec::new() }
    }

    fn add(&mut self, stream: StreamInfo) {
        let list = match stream.kind {
            PacketKind::Events => &mut self.events,
            PacketKind::Frame => &mut self.frames,
            PacketKind::Triggers => &mut self.triggers,
            PacketKind::Other | PacketKind::Damaged => return,
        };
        if list.len() < MAX_STREAMS {
            list.push(stream);
        }
    }

    /// Puts the camera's own streams before those of modules that process them.
    fn sort(&mut self) {
        let with_frames: Vec<String> = self.frames.iter().map(|s| s.module.clone()).collect();
        self.events
            .sort_by_key(|s| (s.output != "events", !with_frames.contains(&s.module), s.number));
        let module = self.events.first().map(|s| s.module.clone()).unwrap_or_default();
        self.frames.sort_by_key(|s| (s.module != module, s.output != "frames", s.number));
        self.triggers.sort_by_key(|s| (s.module != module, s.number));
    }

    /// What it delivered, as text.
    pub(super) fn describe(&self) -> String {
        let has = |list: &[StreamInfo], name: &'static str| (!list.is_empty()).then_some(name);
        let parts: Vec<&str> = [has(&self.events, "events"), has(&self.frames, "frames")]
            .into_iter()
            .flatten()
            .collect();
        if parts.is_empty() { "neither events nor frames".into() } else { parts.join(" and ") }
    }
}

/// The streams that have packets, by camera. `streams` are those of the header, and `found` the
/// content of every stream that has a packet.
pub(super) fn cameras(streams: &[StreamInfo], found: &BTreeMap<i32, PacketKind>) -> Vec<Camera> {
    let mut present: Vec<StreamInfo> = Vec::new();
    for (number, kind) in found {
        let listed = streams.iter().find(|s| s.number == *number).cloned();
        let stream = listed.unwrap_or_else(|| StreamInfo::unlisted(*number, *kind));
        // The packets are right where the header says something else.
        present.push(StreamInfo { kind: *kind, ..stream });
    }
    let mut cameras: Vec<Camera> = Vec::new();
    for stream in present.iter().filter(|s| !s.camera.is_empty()) {
        let known = cameras.iter().position(|c| c.name == stream.camera);
        let at = known.unwrap_or(cameras.len());
        if known.is_none() {
            cameras.push(Camera::new(stream.camera.clone()));
        }
        if let Some(camera) = cameras.get_mut(at) {
            camera.add(stream.clone());
        }
    }
    cameras.retain(|c| !c.events.is_empty() || !c.frames.is_empty());
    let unnamed: Vec<StreamInfo> = present.into_iter().filter(|s| s.camera.is_empty()).collect();
    match cameras.as_mut_slice() {
        [only] => unnamed.into_iter().for_each(|s| only.add(s)),
        _ => cameras.extend(unnamed_cameras(unnamed)),
    }
    cameras.truncate(MAX_CAMERAS);
    cameras.iter_mut().for_each(Camera::sort);
    cameras
}

/// Streams without a camera's name: with as many streams of events as of frames, a camera has one
/// of each; otherwise all belong to one camera.
fn unnamed_cameras(streams: Vec<StreamInfo>) -> Vec<Camera> {
    let count = |kind| streams.iter().filter(|s| s.kind == kind).count();
    let (events, frames) = (count(PacketKind::Events), count(PacketKind::Frame));
    let several = if events == frames { events.min(MAX_CAMERAS) } else { 1 };
    let mut cameras: Vec<Camera> =
        (0..several).map(|i| Camera::new(format!("{}", i + 1))).collect();
    let mut numbers: BTreeMap<PacketKind, usize> = BTreeMap::new();
    for stream in streams {
        let number = numbers.entry(stream.kind).or_default();
        if let Some(camera) = cameras.get_mut((*number).min(several.saturating_sub(1))) {
            camera.add(stream);
        }
        *number += 1;
    }
    cameras.retain(|c| !c.events.is_empty() || !c.frames.is_empty());
    cameras
}

/// Finds the camera with this name, or the only one whose name contains it.
pub(super) fn named<'a>(cameras: &'a [Camera], name: &str) -> Result<&'a Camera, String> {
    if let Some(camera) = cameras.iter().find(|c| c.name == name) {
        return Ok(camera);
    }
    let part = name.to_lowercase();
    let found: Vec<&Camera> =
        cameras.iter().filter(|c| c.name.to_lowercase().contains(&part)).collect();
    let names: Vec<&str> = cameras.iter().map(|c| c.name.as_str()).collect();
    match found.as_slice() {
        [only] => Ok(only),
        [] => Err(format!("it has no camera named {name}, only {}", joined(&names))),
        several => {
            Err(format!("{name} matches {} of its cameras: {}", several.len(), joined(&names)))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "a test may fail by panicking"
    )]

    use super::*;
    use PacketKind::{Events, Frame, Triggers};

    fn stream(number: i32, kind: PacketKind, camera: &str, name: (&str, &str)) -> StreamInfo {
        let (module, output) = (name.0.to_owned(), name.1.to_owned());
        let camera = camera.to_owned();
        StreamInfo { camera, module, output, ..StreamInfo::unlisted(number, kind) }
    }

    fn found(streams: &[StreamInfo]) -> BTreeMap<i32, PacketKind> {
        streams.iter().map(|s| (s.number, s.kind)).collect()
    }

    fn numbers(list: &[StreamInfo]) -> Vec<i32> {
        list.iter().map(|s| s.number).collect()
    }

    #[test]
    fn streams_are_grouped_by_camera() {
        let capture = ("capture", "events");
        let streams = [
            stream(0, Events, "A", ("filter", "events")),
            stream(1, Frame, "A", ("accumulator", "frames")),
            stream(2, Events, "A", capture),
            stream(3, Frame, "A", ("capture", "frames")),
            stream(4, Events, "B", capture),
            stream(5, Triggers, "A", ("capture", "triggers")),
            stream(6, Frame, "C", capture),
        ];
        let mut present = found(&streams);
        // A stream that is listed only, and one that is not listed.
        present.remove(&6);
        present.insert(9, Triggers);
        let cameras = cameras(&streams, &present);
        assert_eq!(cameras.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["A", "B"]);
        // Those of the module that delivers both come first: they are the camera's own.
        assert_eq!(numbers(&cameras[0].events), [2, 0]);
        assert_eq!(numbers(&cameras[0].frames), [3, 1]);
        assert_eq!(
            (numbers(&cameras[1].events), cameras[1].describe()),
            (vec![4], "events".into())
        );
        assert_eq!(named(&cameras, "b").unwrap().name, "B");
        assert!(named(&cameras, "D").unwrap_err().contains("A, B"));
    }

    #[test]
    fn the_cameras_own_streams_come_first() {
        let streams = [
            stream(0, Events, "A", ("noise filter", "filtered")),
            stream(1, Events, "A", ("capture", "events")),
            stream(2, Frame, "A", ("accumulator", "frames")),
            stream(3, Frame, "A", ("capture", "frames")),
        ];
        let cameras = cameras(&streams, &found(&streams));
        assert_eq!(
            (numbers(&cameras[0].events), numbers(&cameras[0].frames)),
            (vec![1, 0], vec![3, 2])
        );
    }

    #[test]
    fn cameras_without_names_are_distinguished_by_their_order() {
        let unnamed = |kinds: &[PacketKind]| -> Vec<StreamInfo> {
            (0..).zip(kinds).map(|(n, k)| StreamInfo::unlisted(n, *k)).collect()
        };
        let two = unnamed(&[Events, Frame, Events, Frame, Triggers]);
        let split = cameras(&[], &found(&two));
        assert_eq!(split.iter().map(|c| numbers(&c.frames)).collect::<Vec<_>>(), [[1], [3]]);
        assert_eq!(split[1].name, "2");
        let one = unnamed(&[Events, Events, Frame]);
        assert_eq!(cameras(&[], &found(&one)).len(), 1);
    }
}
