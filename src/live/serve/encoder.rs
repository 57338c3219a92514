//! Makes the packets of both streams from restored frames.

use super::client::Message;
use super::timeline::Timeline;
use crate::event::Event;
use crate::formats::aedat4::{
    FrameSource, LiveFrameRef, PacketKind, StreamInfo, live_events, live_frame, live_header,
};
use crate::image::{ImageU8, Size};
use crate::live::LiveFrame;
use std::sync::Arc;

/// Name of the camera in the streams' headers.
const CAMERA: &str = "GEM Live";
/// A restored picture shows an instant, but readers only accept an exposure that takes time.
const INSTANT_US: i64 = 1;
/// Reconstruction, among the sources that the format knows.
const RESTORED: FrameSource = FrameSource::Computed(5);

/// A restored exposure that is to be sent.
pub(super) struct Job {
    pub captured: Arc<LiveFrame>,
    /// Restored pictures and their instants, as fractions of the exposure; without any, the blurry
    /// picture is sent.
    pub pictures: Vec<(f64, ImageU8)>,
    /// Whether events and frames have clients.
    pub wanted: [bool; 2],
}

/// A header, and the size that it states.
type Header = Option<(Size, Arc<[u8]>)>;

#[derive(Default)]
pub(super) struct Encoder {
    timeline: Timeline,
    events_header: Header,
    frames_header: Header,
    /// Time of the last event that was sent.
    last_event_us: Option<i64>,
}

impl Encoder {
    /// The messages for the clients of events and of frames; those without content stand for the header.
    pub(super) fn encode(&mut self, job: &Job) -> Option<[Message; 2]> {
        let Job { captured, pictures, wanted: [events_wanted, frames_wanted] } = job;
        let offset_us = self.timeline.offset_us(captured.span());
        let exposure = &captured.exposure;
        let events =
            if *events_wanted { self.events(&exposure.events, offset_us)? } else { vec![] };
        let frames = if *frames_wanted { frames(captured, pictures, offset_us)? } else { vec![] };
        let events_header =
            header(&mut self.events_header, PacketKind::Events, "EVTS", "events", exposure.sensor)?;
        let size = captured.picture.size();
        let frames_header =
            header(&mut self.frames_header, PacketKind::Frame, "FRME", "frames", size)?;
        let message = |header, packets: Vec<u8>| Message { header, packets: packets.into() };
        Some([message(events_header, events), message(frames_header, frames)])
    }

    fn events(&mut self, events: &[Event], offset_us: i64) -> Option<Vec<u8>> {
        let moved = |e: &Event| Event { t_us: e.t_us.saturating_add(offset_us), ..*e };
        // Exposures that overlap have events in common.
        let new = |e: &Event| self.last_event_us.is_none_or(|last_us| e.t_us >= last_us);
        let list: Vec<Event> = events.iter().map(moved).filter(new).collect();
        self.last_event_us = list.last().map(|e| e.t_us).or(self.last_event_us);
        live_events(0, &list)
    }
}

fn frames(captured: &LiveFrame, pictures: &[(f64, ImageU8)], offset_us: i64) -> Option<Vec<u8>> {
    let span = captured.span();
    let at = |fraction: f64| (span.at(fraction).round() as i64).saturating_add(offset_us);
    if pictures.is_empty() {
        let (t_us, end_us) = (at(0.0), at(1.0));
        let exposure_us = end_us.saturating_sub(t_us).max(INSTANT_US);
        let (source, picture) = (FrameSource::Sensor, &captured.picture);
        return live_frame(0, &LiveFrameRef { t_us, exposure_us, source, picture });
    }
    let mut packets = Vec::new();
    for (instant, picture) in pictures {
        let t_us = at(*instant);
        let frame = LiveFrameRef { t_us, exposure_us: INSTANT_US, source: RESTORED, picture };
        packets.extend(live_frame(0, &frame)?);
    }
    Some(packets)
}

/// The header of a stream, which stays the same object until the size changes.
fn header(
    known: &mut Header,
    kind: PacketKind,
    type_name: &str,
    output: &str,
    size: Size,
) -> Option<Arc<[u8]>> {
    if let Some((of, header)) = known
        && *of == size
    {
        return Some(header.clone());
    }
    let stream = StreamInfo {
        type_name: type_name.to_owned(),
        camera: CAMERA.to_owned(),
        module: "gem-live".to_owned(),
        output: output.to_owned(),
        size: Some(size),
        ..StreamInfo::unlisted(0, kind)
    };
    let header: Arc<[u8]> = live_header(&stream)?.into();
    *known = Some((size, header.clone()));
    Some(header)
}
