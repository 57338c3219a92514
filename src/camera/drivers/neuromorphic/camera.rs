//! An open event camera: decoded buffers as packets, and losses counted.

use super::controls;
use super::decoded::{Decoded, Frame};
use super::decoder::Decoder;
use super::model::Model;
use super::port::{Buffer, Format, OpenSettings, Port};
use crate::camera::joiner::PacketJoiner;
use crate::camera::split::StreamKind;
use crate::camera::{
    Control, ControlError, Device, DeviceError, DeviceSelector, DropCause, DropUnit, Drops,
    FramePacket, FrameTiming, Identity, Packet, Value,
};
use crate::event::{EventPool, Trigger};
use crate::image::Size;
use crate::panics::Locked;
use crate::time::{RangeUs, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A camera that sends nothing for this long is treated as disconnected: its clock alone fills
/// buffers, also when nothing moves.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest number of packets that one call passes on.
const MAX_PACKETS: usize = 64;

/// What a camera is made of, besides its port.
pub(super) struct Parts {
    pub(super) model: Model,
    pub(super) only: Option<StreamKind>,
    pub(super) wanted: DeviceSelector,
    pub(super) drops: Drops,
    /// The settings that the camera was opened with, and those for the next time.
    pub(super) opened_with: OpenSettings,
    pub(super) settings: Arc<Mutex<OpenSettings>>,
}

/// An open camera.
pub(super) struct Camera {
    port: Box<dyn Port>,
    parts: Parts,
    sensor: Size,
    format: Format,
    decoder: Decoder,
    epoch: u32,
    joiner: PacketJoiner,
    event_pool: EventPool,
    /// Edges of times that are not complete yet.
    edges: Vec<Trigger>,
    frames: u64,
    /// Number of buffers dropped so far.
    dropped: u64,
    /// Start of a period with events dropped inside the camera, reported with the next packet.
    lost_since: Option<i64>,
    last_buffer: Instant,
    /// Whether buffers were dropped, and the time after them is not known yet.
    is_in_gap: bool,
    /// Whether a new setting takes effect only when the camera is opened again.
    must_reopen: bool,
}

impl Camera {
    pub(super) fn new(port: Box<dyn Port>, parts: Parts) -> Self {
        let (sensor, format) = (parts.model.sensor(), port.format());
        Self {
            decoder: Decoder::new(format, sensor),
            epoch: parts.wanted.next_epoch(),
            dropped: port.dropped(),
            port,
            parts,
            sensor,
            format,
            joiner: PacketJoiner::default(),
            event_pool: EventPool::default(),
            edges: Vec::new(),
            frames: 0,
            lost_since: None,
            last_buffer: Instant::now(),
            is_in_gap: false,
            must_reopen: false,
        }
    }

    fn name(&self) -> &'static str {
        self.parts.model.name()
    }

    fn lost(&self, cause: DropCause, unit: DropUnit, number: u64) {
        if number > 0 {
            self.parts.drops.add(cause, unit, number);
        }
    }

    /// Reads one buffer. Returns whether one came.
    fn read(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<bool, DeviceError> {
        let mut decoded = Decoded { events: self.event_pool.take(), ..Decoded::default() };
        let mut gap = None;
        let (decoder, last_buffer) = (&mut self.decoder, &mut self.last_buffer);
        let (format, sensor, joiner) = (self.format, self.sensor, &mut self.joiner);
        let received = self.port.next(timeout, &mut |buffer: Buffer<'_>| {
            let silence = buffer.arrived.saturating_duration_since(*last_buffer);
            *last_buffer = buffer.arrived;
            if buffer.is_after_gap {
                gap = Some(match decoder {
                    Decoder::Evt3(decoder) => decoder.resume(silence),
                    // How often fifteen bits of the time wrapped during a gap is unknown.
                    _ => {
                        *decoder = Decoder::new(format, sensor);
                        true
                    }
                });
            }
            decoded.begun = joiner.begin(&mut decoded.events);
            decoder.decode(buffer.bytes, &mut decoded);
        });
        let received = received.map_err(|why| {
            DeviceError::NotFound(format!("the {} was disconnected: {why}", self.name()))
        })?;
        let total = self.port.dropped();
        self.lost(DropCause::Queue, DropUnit::Gaps, total.saturating_sub(self.dropped));
        self.dropped = total;
        if !received {
            return Ok(false);
        }
        let follows = gap.is_none() && !self.is_in_gap && !decoded.reset;
        if !follows || decoded.last_us.is_none() {
            self.joiner.take_back(&mut decoded.events);
        }
        match gap {
            Some(true) => self.start_epoch(DropCause::Queue),
            Some(false) => self.is_in_gap = true,
            None => {}
        }
        if self.is_in_gap
            && let Some(us) = decoded.resumed_us
        {
            self.is_in_gap = false;
            let held = self.joiner.skip_to(us.max(self.joiner.until_us().unwrap_or(us)));
            self.lost(DropCause::Queue, DropUnit::Events, held);
        }
        if decoded.reset {
            self.start_epoch(DropCause::Device);
        }
        self.pass_on(decoded, out);
        Ok(true)
    }

    /// Starts a new epoch: times before and after cannot be compared.
    fn start_epoch(&mut self, cause: DropCause) {
        self.epoch = self.parts.wanted.next_epoch();
        (self.lost_since, self.is_in_gap) = (None, false);
        self.edges.clear();
        let held = self.joiner.clear();
        self.lost(cause, DropUnit::Events, held);
    }

    fn pass_on(&mut self, decoded: Decoded, out: &mut Vec<Packet>) {
        self.lost(DropCause::Malformed, DropUnit::Events, decoded.bad);
        self.lost(DropCause::Malformed, DropUnit::Gaps, decoded.malformed);
        self.lost(DropCause::Device, DropUnit::Events, decoded.limited + decoded.before_reset.0);
        self.lost(DropCause::Device, DropUnit::Frames, decoded.before_reset.1);
        if decoded.limited > 0 {
            self.lost_since = self.lost_since.or(self.joiner.until_us());
        }
        let Decoded { events, edges, frames, last_us, .. } = decoded;
        if self.parts.only != Some(StreamKind::Events) {
            for frame in frames {
                self.frame(frame, out);
            }
        }
        if self.parts.only == Some(StreamKind::Frames) {
            return;
        }
        self.edges.extend(edges);
        let Some(last_us) = last_us else { return };
        match self.joiner.packet(last_us, events, self.epoch, self.sensor) {
            Ok(mut packet) => {
                let due = self.edges.partition_point(|e| e.t < packet.until);
                packet.edges = self.edges.drain(..due).collect();
                if packet.from == packet.until
                    && packet.events.is_empty()
                    && packet.edges.is_empty()
                {
                    return;
                }
                packet.lost_since = self.lost_since.take().map(Timestamp::from_us);
                out.push(Packet::Events(packet));
            }
            Err(lost) => self.lost(DropCause::Device, DropUnit::Events, lost),
        }
    }

    fn frame(&mut self, frame: Frame, out: &mut Vec<Packet>) {
        let sequence = self.frames;
        self.frames += 1;
        let Some(RangeUs { from_us: start_us, until_us: end_us }) = frame.exposure else {
            return self.lost(DropCause::Malformed, DropUnit::Frames, 1);
        };
        let timing = if self.parts.only == Some(StreamKind::Frames) {
            let start = Timestamp::from_us(start_us);
            FrameTiming::Frames { start, exposure_us: end_us - start_us }
        } else {
            let (start, end) = (Timestamp::from_us(start_us), Timestamp::from_us(end_us));
            FrameTiming::Events { start, end }
        };
        out.push(Packet::Frame(FramePacket {
            epoch: self.epoch,
            sequence,
            timing,
            arrived: Timestamp::now(),
            picture: frame.picture,
            truth: None,
            contrast: None,
        }));
    }
}

impl Device for Camera {
    fn identity(&self) -> Identity {
        Identity {
            model: self.name().to_owned(),
            serial: self.port.serial(),
            firmware: String::new(),
        }
    }

    fn controls(&self) -> Vec<Control> {
        let settings = *self.parts.settings.locked();
        let limit = self.parts.model.has_rate_limit();
        let limit = limit.then(|| controls::rate_limit(settings.max_mev_per_s));
        let settings = match self.parts.model.has_settings() {
            true => self.port.settings(),
            false => Vec::new(),
        };
        limit.into_iter().chain(settings.iter().filter_map(controls::control)).collect()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        match (name, value) {
            (controls::RATE_LIMIT, Value::Float(rate)) if self.parts.model.has_rate_limit() => {
                let mut settings = self.parts.settings.locked();
                settings.max_mev_per_s = *rate;
                // Set again after every opening: then nothing changes.
                self.must_reopen = *settings != self.parts.opened_with;
                Ok(())
            }
            (_, Value::Int(number)) => {
                let setting = controls::setting(name);
                let setting = setting.ok_or_else(|| ControlError::Unknown(name.into()))?;
                match self.port.set(setting, *number) {
                    true => Ok(()),
                    false => Err(ControlError::Refused(name.into())),
                }
            }
            _ => Err(ControlError::Kind { name: name.into(), value: value.clone() }),
        }
    }

    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        if self.must_reopen {
            let name = self.name();
            return Err(DeviceError::NotFound(format!(
                "the {name} is opened again: the limit of its event rate was changed"
            )));
        }
        let until = Instant::now() + timeout;
        let mut wait = timeout;
        while self.read(wait, out)? {
            // What is there already is read at once.
            wait = Duration::ZERO;
            if Instant::now() >= until || out.len() >= MAX_PACKETS {
                return Ok(());
            }
        }
        if self.last_buffer.elapsed() > SILENCE_TIMEOUT {
            let (name, seconds) = (self.name(), SILENCE_TIMEOUT.as_secs());
            return Err(DeviceError::NotFound(format!(
                "the {name} has sent nothing for {seconds} s"
            )));
        }
        Ok(())
    }
}
