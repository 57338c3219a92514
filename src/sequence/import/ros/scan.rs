//! What a pass through a file of ROS messages finds: frames and events by topic.

use super::container::{Place, Topic};
use super::messages::{self, Kind, Packet};
use super::packet::{Decoder, is_sensor_time};
use crate::event::Event;
use crate::image::Size;
use crate::sequence::import::options::ImportOptions;
use crate::sequence::import::places::Places;
use std::collections::BTreeMap;

/// A message with a frame.
pub(super) struct FrameMessage {
    pub(super) stamp_us: i64,
    pub(super) kind: Kind,
    pub(super) cdr: bool,
    pub(super) place: Place,
    /// The exposure time that was sent last before it, in microseconds.
    pub(super) exposure_us: Option<i64>,
}

/// A message with events.
pub(super) struct EventMessage {
    /// Times of its first and last event in microseconds, as they are stored.
    pub(super) range_us: [i64; 2],
    pub(super) kind: Kind,
    pub(super) cdr: bool,
    pub(super) place: Place,
    /// The state of the decoder before it.
    pub(super) state: Decoder,
}

/// The messages of one topic of events.
#[derive(Default)]
pub(super) struct EventTopic {
    pub(super) messages: Vec<EventMessage>,
    pub(super) sensor: Option<Size>,
    pub(super) state: Decoder,
    /// The smallest difference between the time of a message and that of its first event, if events
    /// have the camera's own time.
    pub(super) shift_us: Option<i64>,
    /// Where the events lie on the sensor.
    pub(super) places: Option<Places>,
}

/// What a scan of the file found.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) frames: BTreeMap<String, Vec<FrameMessage>>,
    pub(super) events: BTreeMap<String, EventTopic>,
    pub(super) exposure_us: Option<i64>,
    pub(super) exposure_topic: Option<String>,
}

impl Scan {
    pub(super) fn message(
        &mut self,
        topic: &Topic,
        place: Place,
        bytes: &[u8],
        options: &ImportOptions,
    ) -> Result<(), String> {
        let Some(kind) = Kind::of(&topic.kind) else { return Ok(()) };
        let wanted = |name: &Option<String>| name.as_ref().is_none_or(|n| *n == topic.name);
        if kind == Kind::Number && topic.name.to_ascii_lowercase().ends_with("exposure") {
            self.exposure_us = Some(messages::number(bytes, topic.cdr)?);
            self.exposure_topic = Some(topic.name.clone());
        } else if kind.is_frame() && wanted(&options.frame_topic) {
            let stamp_us = messages::stamp_us(bytes, topic.cdr)?;
            let (cdr, exposure_us) = (topic.cdr, self.exposure_us);
            let frame = FrameMessage { stamp_us, kind, cdr, place, exposure_us };
            self.frames.entry(topic.name.clone()).or_default().push(frame);
        } else if kind.has_events() && wanted(&options.event_topic) {
            let found = self.events.entry(topic.name.clone()).or_default();
            found.message((kind, topic.cdr, place), bytes, options.sensor)?;
        }
        Ok(())
    }
}

impl EventTopic {
    fn message(
        &mut self,
        (kind, cdr, place): (Kind, bool, Place),
        bytes: &[u8],
        stated: Option<Size>,
    ) -> Result<(), String> {
        let (state, mut events) = (self.state, Vec::new());
        let (sensor, stamp) = decode(kind, cdr, bytes, &mut self.state, &mut events)?;
        let sensor = *self.sensor.get_or_insert(sensor);
        let places = self.places.get_or_insert_with(|| Places::on(stated, Some(sensor), sensor));
        places.add(&events);
        let times = events.iter().map(|e| e.t_us);
        let Some((first, last)) = times.clone().min().zip(times.max()) else { return Ok(()) };
        if let Some(stamp_us) = stamp {
            let shift = stamp_us.saturating_sub(first);
            self.shift_us = Some(self.shift_us.map_or(shift, |known| known.min(shift)));
        }
        self.messages.push(EventMessage { range_us: [first, last], kind, cdr, place, state });
        Ok(())
    }
}

/// Decodes the events of a message. Also returns the size of the sensor and, if the events have the
/// camera's own time, the time of the message.
pub(super) fn decode(
    kind: Kind,
    cdr: bool,
    bytes: &[u8],
    state: &mut Decoder,
    out: &mut Vec<Event>,
) -> Result<(Size, Option<i64>), String> {
    if kind == Kind::EventArray {
        return Ok((messages::event_array(bytes, cdr, out)?, None));
    }
    let packet = Packet::read(bytes, cdr)?;
    packet.decode(state, out)?;
    let stamp = is_sensor_time(&packet.encoding).then_some(packet.stamp_us);
    Ok((packet.sensor, stamp))
}
