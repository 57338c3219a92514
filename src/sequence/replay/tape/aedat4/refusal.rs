//! Why a file is refused of which no camera has all that is needed.

use super::choice::{Camera, joined};
use crate::formats::aedat4::{Index, PacketKind, StreamInfo};

/// Why no camera has all that is needed.
pub(super) fn missing_streams(
    requested: Option<&Camera>,
    cameras: &[Camera],
    listed: &[StreamInfo],
    index: &Index,
    (frames, events): (bool, bool),
) -> String {
    let cameras = requested.map_or_else(|| cameras.to_vec(), |camera| vec![camera.clone()]);
    let damaged = index.packets.iter().filter(|p| p.kind == PacketKind::Damaged).count();
    let with_events = cameras.iter().find(|c| !c.events.is_empty());
    let with_frames = cameras.iter().find(|c| !c.frames.is_empty());
    let of = requested.map(|c| format!(" of {}", c.name)).unwrap_or_default();
    let cut = if index.cut_off { "; the file is cut off" } else { "" };
    match (with_events, with_frames) {
        _ if index.packets.is_empty() => format!("no packet in it{cut}"),
        _ if damaged == index.packets.len() => {
            format!("none of its {damaged} packets can be read: the file is damaged")
        }
        (None, None) => {
            let names: Vec<&str> = listed.iter().map(|s| s.type_name.as_str()).collect();
            let only =
                if names.is_empty() { String::new() } else { format!(", only {}", joined(&names)) };
            format!("neither frames nor events{of} in it{only}{cut}")
        }
        (Some(one), None) if frames => format!(
            "no frames{of} in it, only events: a camera without an image sensor (such as a \
             DVXplorer) gives none. Add a recording of a frame camera: --frame-source \
             replay:FRAMES --event-source replay:THIS,camera={}{cut}",
            one.name
        ),
        (None, Some(one)) if events => format!(
            "no events{of} in it, only frames: without events nothing can be restored. Add a \
             recording of an event camera: --frame-source replay:THIS,camera={} --event-source \
             replay:EVENTS{cut}",
            one.name
        ),
        (Some(one), Some(two)) => format!(
            "its events come from {0} and its frames from {1}, which do not share their pixels. Play \
             them as two cameras: --frame-source replay:FILE,camera={1} --event-source \
             replay:FILE,camera={0}",
            one.name, two.name
        ),
        _ => "it does not have the stream that is needed".to_owned(),
    }
}
