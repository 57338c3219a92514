//! A load generator: a simulated rig at any data rate. It renders a loop in advance and plays it
//! through the same threads, channels and clocks as a real camera, to measure the data path.

mod model;

pub use model::LoadModel;

use crate::camera::{
    Control, ControlError, Device, DeviceError, DeviceSelector, Driver, DropCause, DropUnit, Drops,
    EventPacket, FramePacket, FrameTiming, Identity, Packet, Value,
};
use crate::event::{Event, EventPool, Trigger, TriggerEdge};
use crate::image::{ImagePool, ImageU8};
use crate::panics::Locked;
use crate::simulate::rig::{RigModel, RigWorld};
use crate::time::Timestamp;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Number of rendered periods; then the loop repeats.
const LOOP: usize = 8;
/// Duration of one packet of events in microseconds, as over USB.
const PACKET_US: i64 = 1_000;
/// Share of a period for which the shutter is open.
const DUTY_CYCLE: f64 = 0.6;
/// From the end of the exposure to the frame's arrival: USB 3 needs this for 2.7 MB at 380 MB/s.
const TRANSFER_US: i64 = 7_000;
/// Time that the buffers of camera and bus can hold; data that is fetched later is lost there.
const UPSTREAM_BUFFER: Duration = Duration::from_millis(200);

/// The driver of a load; it renders the loop when it is first opened.
#[derive(Debug)]
pub struct Load {
    model: LoadModel,
    rendered: Mutex<Option<Arc<Vec<RenderedPeriod>>>>,
}

/// One period: a frame, and the events from the start of its exposure to the start of the next,
/// with timestamps relative to that start.
#[derive(Debug)]
struct RenderedPeriod {
    frame: ImageU8,
    events: Vec<Event>,
}

impl Load {
    /// A driver for this load.
    pub fn new(model: LoadModel) -> Self {
        Self { model, rendered: Mutex::new(None) }
    }

    fn rig(&self) -> RigModel {
        let LoadModel { image, sensor, frames_hz, .. } = self.model;
        let period_us = 1_000_000 / i64::from(frames_hz.max(1));
        let exposure_us = ((period_us as f64 * DUTY_CYCLE) as i64).max(1);
        RigModel { sensor, period_us, exposure_us, ..RigModel::new(image, 1) }
    }

    fn render(&self) -> Result<Arc<Vec<RenderedPeriod>>, DeviceError> {
        let mut rendered = self.rendered.locked();
        if let Some(known) = rendered.as_ref() {
            return Ok(known.clone());
        }
        let model = self.rig();
        let fatal = |e: crate::simulate::PushError| DeviceError::Unusable(e.to_string());
        let mut world = RigWorld::new(model).map_err(fatal)?;
        let mut periods = Vec::new();
        for _ in 0..LOOP {
            let period = world.period().map_err(fatal)?;
            let wanted = u64::from(self.model.events_hz) * period_us(&model) / 1_000_000;
            let from_us = period.start_us;
            let events = period.events.iter().map(|e| Event { t_us: e.t_us - from_us, ..*e });
            let events = resample_events(events.collect(), wanted as usize, &model);
            periods.push(RenderedPeriod { frame: period.frame, events });
        }
        Ok(rendered.insert(Arc::new(periods)).clone())
    }
}

fn period_us(model: &RigModel) -> u64 {
    model.period_us.unsigned_abs()
}

/// Exactly `wanted` events: thinned or repeated, in order. A scene without events gets generated
/// ones.
fn resample_events(events: Vec<Event>, wanted: usize, model: &RigModel) -> Vec<Event> {
    let count = events.len();
    let made = |i: usize| Event {
        t_us: (i as u64 * period_us(model) / wanted.max(1) as u64) as i64,
        x: (i * 7 % model.sensor.width) as u16,
        y: (i * 13 % model.sensor.height) as u16,
        polarity: i.is_multiple_of(2),
    };
    (0..wanted)
        .map(|i| events.get(i * count / wanted).copied().unwrap_or_else(|| made(i)))
        .collect()
}

impl Driver for Load {
    fn open(
        &self,
        selector: &DeviceSelector,
        drops: &Drops,
    ) -> Result<Box<dyn Device>, DeviceError> {
        let periods = self.render()?;
        Ok(Box::new(Player {
            periods,
            model: self.rig(),
            name: self.model.to_string(),
            drops: drops.clone(),
            epoch: selector.next_epoch(),
            begin: Instant::now(),
            number: 0,
            sent_us: 0,
            read_out: 0,
            lists: EventPool::default(),
            pictures: ImagePool::default(),
        }))
    }
}

struct Player {
    periods: Arc<Vec<RenderedPeriod>>,
    model: RigModel,
    name: String,
    drops: Drops,
    epoch: u32,
    /// Wall-clock time of true time zero.
    begin: Instant,
    /// The period of the next events.
    number: u64,
    /// Events of that period are sent up to this time, in microseconds since its start.
    sent_us: i64,
    /// Number of the next frame.
    read_out: u64,
    lists: EventPool,
    pictures: ImagePool<u8>,
}

impl Device for Player {
    fn identity(&self) -> Identity {
        let model = format!("load {}", self.name);
        Identity { model, ..Identity::default() }
    }

    fn controls(&self) -> Vec<Control> {
        Vec::new()
    }

    fn set(&mut self, name: &str, _: &Value) -> Result<(), ControlError> {
        Err(ControlError::Unknown(name.into()))
    }

    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let (events_us, frame_us) = (self.events_due_us(), self.frame_due_us());
        let due = self.begin + micros(events_us.min(frame_us));
        std::thread::sleep(due.saturating_duration_since(Instant::now()).min(timeout));
        let late = Instant::now().saturating_duration_since(due);
        if late > UPSTREAM_BUFFER {
            self.drop_periods(late);
        }
        let now_us = i64::try_from(self.begin.elapsed().as_micros()).unwrap_or(i64::MAX);
        loop {
            let (events_us, frame_us) = (self.events_due_us(), self.frame_due_us());
            if events_us.min(frame_us) > now_us {
                return Ok(());
            }
            let packet = if events_us <= frame_us { self.events() } else { self.frame() };
            match packet {
                Some(packet) => out.push(packet),
                None => return Err(DeviceError::Unusable("the load has no frame".into())),
            }
        }
    }
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(us.max(0).unsigned_abs())
}

impl Player {
    /// True time at which a period starts.
    fn start_us(&self, number: u64) -> i64 {
        i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(self.model.period_us)
    }

    fn events_due_us(&self) -> i64 {
        let until_us = (self.sent_us + PACKET_US).min(self.model.period_us);
        self.start_us(self.number) + until_us
    }

    fn frame_due_us(&self) -> i64 {
        self.start_us(self.read_out) + self.model.exposure_us + TRANSFER_US
    }

    fn period_at(&self, number: u64) -> Option<&RenderedPeriod> {
        let index = number.checked_rem(self.periods.len() as u64)?;
        self.periods.get(index as usize)
    }

    /// The next packet of events.
    fn events(&mut self) -> Option<Packet> {
        let start_us = self.start_us(self.number);
        let from_us = self.sent_us;
        let until_us = (from_us + PACKET_US).min(self.model.period_us);
        let all = &self.period_at(self.number)?.events;
        let at = |us: i64| all.partition_point(|e| e.t_us < us);
        let part = all.get(at(from_us)..at(until_us))?;
        let (from, until) =
            (self.model.event_us(start_us + from_us), self.model.event_us(start_us + until_us));
        // Within a packet, the drift of the clock is negligible.
        let on_sensor_clock =
            |e: &Event| Event { t_us: (from + e.t_us - from_us).min(until - 1), ..*e };
        let edges = [(0, TriggerEdge::Rising), (self.model.exposure_us, TriggerEdge::Falling)];
        let edge = |(us, kind): (i64, TriggerEdge)| {
            let t = Timestamp::from_us(self.model.event_us(start_us + us));
            (from_us..until_us).contains(&us).then_some(Trigger { t, kind })
        };
        let mut events = self.lists.take();
        events.extend(part.iter().map(on_sensor_clock));
        let packet = EventPacket {
            epoch: self.epoch,
            from: Timestamp::from_us(from),
            until: Timestamp::from_us(until),
            arrived: Timestamp::now(),
            events,
            edges: edges.into_iter().filter_map(edge).collect(),
            sensor: self.model.sensor,
            lost_since: None,
        };
        self.sent_us = until_us;
        if until_us == self.model.period_us {
            (self.number, self.sent_us) = (self.number + 1, 0);
        }
        Some(Packet::Events(packet))
    }

    /// The next frame packet.
    fn frame(&mut self) -> Option<Packet> {
        let sequence = self.read_out;
        let start = Timestamp::from_us(self.model.frame_us(self.start_us(sequence)));
        let packet = FramePacket {
            epoch: self.epoch,
            sequence,
            timing: FrameTiming::Frames { start, exposure_us: self.model.exposure_us },
            arrived: Timestamp::now(),
            picture: self.period_at(sequence)?.frame.copy_in(&self.pictures),
            truth: None,
            contrast: None,
        };
        self.read_out += 1;
        Some(Packet::Frame(packet))
    }

    /// Nothing was polled for too long: whole periods are lost upstream.
    fn drop_periods(&mut self, late: Duration) {
        let period_us = period_us(&self.model).max(1);
        let periods = u64::try_from(late.as_micros()).unwrap_or(u64::MAX) / period_us;
        if periods == 0 {
            return;
        }
        let events = u64::from(self.period_at(self.number).map_or(0, |m| m.events.len() as u32));
        self.drops.add(DropCause::Usb, DropUnit::Frames, periods);
        self.drops.add(DropCause::Usb, DropUnit::Events, periods * events);
        self.drops.add(DropCause::Usb, DropUnit::Gaps, 1);
        (self.number, self.read_out) = (self.number + periods, self.read_out + periods);
    }
}
