//! The simulated rig as a camera: frames and events of one moving scene in real time, on two clocks
//! that differ like those of two real cameras.

mod rendering;

use crate::camera::{
    Control, ControlError, Device, DeviceError, DeviceSelector, Driver, Drops, EventPacket,
    FramePacket, FrameTiming, Identity, Packet, SimulationRate, Value,
};
use crate::event::{Event, Trigger, TriggerEdge};
use crate::simulate::rig::{Jitter, Period, RigModel, RigWorld};
use crate::time::{RangeUs, Timestamp};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use rendering::render;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Duration of one packet of events in microseconds, as over USB.
const PACKET_US: i64 = 1_000;
/// Time from the end of an exposure to the read-out of its frame, in microseconds.
const READOUT_US: i64 = 5_000;
/// Mean delay of a transfer over USB, in microseconds.
const JITTER_US: f64 = 2_000.0;
/// If a period starts later than this, true time is shifted; otherwise only its packets are late.
const SLACK: Duration = Duration::from_millis(20);
/// Number of periods over which the simulation rate is measured.
const RATE_PERIODS: usize = 32;

/// The driver of a simulated rig, which is always available.
#[derive(Clone, Copy, Debug)]
pub struct Sim {
    model: RigModel,
    cable: bool,
}

impl Sim {
    /// A rig of this model; with a sync cable, the event stream carries two edges per exposure.
    pub fn new(model: RigModel, cable: bool) -> Self {
        Self { model, cable }
    }
}

impl Driver for Sim {
    fn open(&self, selector: &DeviceSelector, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let world = RigWorld::new(self.model).map_err(|e| DeviceError::Unusable(e.to_string()))?;
        #[allow(
            clippy::disallowed_methods,
            reason = "a few requests of the user, emptied with every period"
        )]
        let (settings, settings_out) = unbounded();
        // One period waits in the channel while the next is rendered.
        let (periods_in, periods) = bounded(1);
        std::thread::Builder::new()
            .name("sim-world".into())
            .spawn(move || render(world, &settings_out, &periods_in))
            .map_err(|e| {
                DeviceError::Unusable(format!("cannot start the simulation thread: {e}"))
            })?;
        let epoch = selector.next_epoch();
        Ok(Box::new(Camera {
            model: self.model,
            settings,
            periods,
            cable: self.cable,
            selector: selector.clone(),
            frame_epoch: epoch,
            event_epoch: epoch,
            jitter_us: JITTER_US,
            jitter: Jitter::new(self.model.seed, JITTER_US),
            begin: None,
            last: Instant::now(),
            now_us: 0,
            queue: VecDeque::new(),
            begun: VecDeque::new(),
            lag: Duration::ZERO,
        }))
    }
}

struct Camera {
    /// The current settings; the world applies them a period or two later.
    model: RigModel,
    settings: Sender<(i64, f64)>,
    periods: Receiver<Result<Period, DeviceError>>,
    cable: bool,
    selector: DeviceSelector,
    frame_epoch: u32,
    event_epoch: u32,
    jitter_us: f64,
    jitter: Jitter,
    /// When the next period starts.
    begin: Option<Instant>,
    /// Arrival time of the last queued packet.
    last: Instant,
    /// True time up to which data was queued.
    now_us: i64,
    /// Packets in transfer, with their arrival times.
    queue: VecDeque<(Instant, Packet)>,
    /// Start times of the last periods, with their true times.
    begun: VecDeque<(Instant, i64)>,
    lag: Duration,
}

impl Device for Camera {
    fn identity(&self) -> Identity {
        Identity {
            model: format!("simulated rig {}", self.model.image),
            serial: format!("{:08}", self.model.seed),
            firmware: String::new(),
        }
    }

    fn controls(&self) -> Vec<Control> {
        let model = &self.model;
        let most = model.period_us - 10_000;
        let drift = model.event_drift_ppm;
        vec![
            Control::int("exposure_us", "Exposure (us)", model.exposure_us, (1_000, most)),
            Control::float("speed", "Scene speed", model.speed, (0.0, 4.0)),
            Control::switch("cable", "Sync cable", self.cable),
            Control::float("jitter_us", "USB jitter (us)", self.jitter_us, (0.0, 20_000.0)),
            Control::float("event_drift_ppm", "Event clock drift (ppm)", drift, (-200.0, 200.0)),
            Control::float(
                "event_offset_us",
                "Event clock offset (us)",
                model.event_offset_us,
                (0.0, 1e12),
            )
            .for_experts(),
        ]
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        match (name, value) {
            ("exposure_us", Value::Int(us)) => self.model.exposure_us = *us,
            ("speed", Value::Float(speed)) => self.model.speed = *speed,
            ("cable", Value::Bool(on)) => self.cable = *on,
            ("jitter_us", Value::Float(us)) => {
                self.jitter_us = us.max(0.0);
                self.jitter = Jitter::new(self.model.seed, self.jitter_us);
            }
            ("event_drift_ppm", Value::Float(ppm)) => {
                // The clock continues from its current reading at the new rate.
                let turned = (self.model.event_drift_ppm - ppm) * 1e-6;
                self.model.event_offset_us += self.now_us as f64 * turned;
                self.model.event_drift_ppm = *ppm;
            }
            ("event_offset_us", Value::Float(us)) => {
                // The clock was reset: times before and after cannot be compared.
                self.model.event_offset_us = *us;
                self.event_epoch = self.selector.next_epoch();
            }
            _ => return Err(ControlError::Unknown(name.into())),
        }
        if matches!(name, "exposure_us" | "speed") {
            // The simulation thread only ends with this camera.
            let _ = self.settings.send((self.model.exposure_us, self.model.speed));
        }
        Ok(())
    }

    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let now = Instant::now();
        let until = now + timeout;
        let due = self.queue.front().map_or(until, |(due, _)| *due).min(until);
        match self.begin {
            Some(begin) if begin > now => sleep_until(due.min(begin)),
            // The queue is empty or not due yet: the period may still be rendering.
            _ => match self.periods.recv_deadline(due) {
                Ok(period) => self.send(period?),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(DeviceError::Unusable("the simulation thread has ended".into()));
                }
            },
        }
        let now = Instant::now();
        while self.queue.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, mut packet)) = self.queue.pop_front() {
                match &mut packet {
                    Packet::Events(p) => p.arrived = Timestamp::now(),
                    Packet::Frame(f) => f.arrived = Timestamp::now(),
                }
                out.push(packet);
            }
        }
        Ok(())
    }

    fn simulation_rate(&self) -> Option<SimulationRate> {
        let ((first, from_us), (last, to_us)) = (self.begun.front()?, self.begun.back()?);
        let wall_s = last.saturating_duration_since(*first).as_secs_f64();
        let real_time = if wall_s > 0.0 { (to_us - from_us) as f64 * 1e-6 / wall_s } else { 1.0 };
        Some(SimulationRate { real_time, lag: self.lag })
    }
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(us.max(0).unsigned_abs())
}

fn sleep_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}

impl Camera {
    /// Queues the data of a period that starts now.
    fn send(&mut self, period: Period) {
        let now = Instant::now();
        // If the computer is too slow for the scene, the world runs slower and no backlog grows.
        let begin = match self.begin {
            Some(due) if now.saturating_duration_since(due) > SLACK => {
                self.lag += now - due;
                now
            }
            Some(due) => due,
            None => now,
        };
        let Period { number, start_us, end_us, next_us, frame, truth, events } = period;
        self.begin = Some(begin + micros(next_us - start_us));
        self.now_us = next_us;
        self.begun.push_back((begin, start_us));
        if self.begun.len() > RATE_PERIODS {
            self.begun.pop_front();
        }
        let packet = Packet::Frame(FramePacket {
            epoch: self.frame_epoch,
            sequence: number,
            timing: FrameTiming::Frames {
                start: Timestamp::from_us(self.model.frame_us(start_us)),
                exposure_us: end_us - start_us,
            },
            arrived: Timestamp::now(),
            picture: frame,
            truth: Some(truth),
            contrast: None,
        });
        let mut frame = Some((end_us + READOUT_US, packet));
        let mut rest = events.as_slice();
        let mut from_us = start_us;
        while from_us < next_us {
            let until_us = (from_us + PACKET_US).min(next_us);
            if let Some((due_us, packet)) = frame.take_if(|(due_us, _)| *due_us < until_us) {
                self.queue_packet(begin + micros(due_us - start_us), packet);
            }
            let (now, later) = rest.split_at(rest.partition_point(|e| e.t_us < until_us));
            rest = later;
            let exposure = RangeUs::new(start_us, end_us);
            let packet = self.events(RangeUs::new(from_us, until_us), now, exposure);
            self.queue_packet(begin + micros(until_us - start_us), packet);
            from_us = until_us;
        }
        if let Some((due_us, packet)) = frame {
            self.queue_packet(begin + micros(due_us - start_us), packet);
        }
    }

    /// The events and edges of a range of true time, on the event camera's clock.
    fn events(&self, span: RangeUs, events: &[Event], exposure: RangeUs) -> Packet {
        let model = &self.model;
        let (from, until) = (model.event_us(span.from_us), model.event_us(span.until_us));
        // If the clock is slow, rounding down can move an event to the end of its packet.
        let last = (until - 1).max(from);
        let on_sensor_clock =
            |e: &Event| Event { t_us: model.event_us(e.t_us).clamp(from, last), ..*e };
        let edge = |(t, kind): (i64, TriggerEdge)| {
            let here = self.cable && span.contains(t);
            here.then(|| Trigger { t: Timestamp::from_us(model.event_us(t)), kind })
        };
        let (open, close) = (exposure.from_us, exposure.until_us);
        let edges = [(open, TriggerEdge::Rising), (close, TriggerEdge::Falling)];
        Packet::Events(EventPacket {
            epoch: self.event_epoch,
            from: Timestamp::from_us(from),
            until: Timestamp::from_us(until),
            arrived: Timestamp::now(),
            events: events.iter().map(on_sensor_clock).collect(),
            edges: edges.into_iter().filter_map(edge).collect(),
            sensor: model.sensor,
            lost_since: None,
        })
    }

    /// Queues a packet that leaves its camera at a given time.
    fn queue_packet(&mut self, leaves: Instant, packet: Packet) {
        // Packets on one cable arrive in order.
        self.last = self.last.max(leaves + Duration::from_micros(self.jitter.delay_us()));
        self.queue.push_back((self.last, packet));
    }
}
