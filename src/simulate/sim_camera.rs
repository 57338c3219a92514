//! The simulated rig as a camera: frames and events of one moving scene, in real time, on
//! clocks that disagree as those of two cameras do.

use crate::camera::{
    Control, ControlError, Device, DeviceError, DeviceSelector, Driver, Drops, EventPacket,
    FramePacket, FrameTiming, Identity, Packet, SimulationRate, Value,
};
use crate::event::{Event, Trigger, TriggerEdge};
use crate::image::Size;
use crate::panics::caught;
use crate::simulate::rig::{Jitter, Period, RigModel, RigWorld};
use crate::time::Timestamp;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use std::collections::VecDeque;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// The stretch of one packet of events, as USB delivers them.
const PACKET_US: i64 = 1_000;
/// From the shutter's closing until a frame is read out.
const READOUT_US: i64 = 5_000;
/// Mean delay of a transfer over USB, in microseconds.
const JITTER_US: f64 = 2_000.0;
/// How late a period may begin before its world is late rather than its packets.
const SLACK: Duration = Duration::from_millis(20);
/// Periods over which the pace is told.
const PACED: usize = 32;

/// Sizes of frames and of the event sensor, written as `288x192` or `1152x768/288x192`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Of the frames.
    pub image: Size,
    /// Of the event sensor.
    pub sensor: Size,
}

impl Sizes {
    /// From this width on the event sensor has a quarter of the frames' resolution, as in the
    /// rig of MS-RBD (1152x768 and 288x192); below it half.
    const QUARTER_FROM: usize = 1024;

    /// Frames of this size, and an event sensor as would be found beside them.
    pub fn of(image: Size) -> Self {
        let factor = if image.width >= Self::QUARTER_FROM { 4 } else { 2 };
        let part = |n: usize| n.div_ceil(factor).max(1);
        Self { image, sensor: Size::new(part(image.width), part(image.height)) }
    }
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = |text: &str, least: usize| {
            let sides = text.split_once('x');
            let sides = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            match sides {
                Some((w, h)) if [w, h].iter().all(|n| (least..=4096).contains(n)) => {
                    Ok(Size::new(w, h))
                }
                _ => Err(format!(
                    "{text}: a size is written as 288x192, with sides of {least} to 4096"
                )),
            }
        };
        match text.split_once('/') {
            None => Ok(Self::of(size(text, 32)?)),
            Some((image, sensor)) => Ok(Self { image: size(image, 32)?, sensor: size(sensor, 8)? }),
        }
    }
}

impl std::fmt::Display for Sizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { image, sensor } = self;
        match *self == Self::of(*image) {
            true => write!(f, "{image}"),
            false => write!(f, "{image}/{sensor}"),
        }
    }
}

/// Which simulated rig: `288x192`, `1152x768/288x192`, `1152x768@30` or `288x192@30,seed=7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimName {
    /// Of frames and events.
    pub sizes: Sizes,
    /// Frames a second, 1 to 60.
    pub frames_hz: u32,
    /// Decides the scene, the motion and all noise.
    pub seed: u64,
}

impl SimName {
    /// The seed where none is named.
    const SEED: u64 = 1;
    /// Frames a second where no number is named: those of MS-RBD.
    const FRAMES_HZ: u32 = 15;

    /// What a laptop renders and restores at the same time.
    pub fn small() -> Self {
        let sizes = Sizes::of(Size::new(288, 192));
        Self { sizes, frames_hz: Self::FRAMES_HZ, seed: Self::SEED }
    }

    /// The rig that is named.
    pub fn model(&self) -> RigModel {
        let Sizes { image, sensor } = self.sizes;
        let model = RigModel { sensor, ..RigModel::new(image, self.seed) };
        if self.frames_hz == Self::FRAMES_HZ {
            return model;
        }
        // Open for three fifths of the time, and no longer than at the usual rate.
        let period_us = 1_000_000 / i64::from(self.frames_hz.max(1));
        let exposure_us = (period_us * 3 / 5).min(period_us - 10_000).min(model.exposure_us);
        RigModel { period_us, exposure_us, ..model }
    }
}

impl FromStr for SimName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sizes, options) = match text.split_once(',') {
            Some((sizes, options)) => (sizes, Some(options)),
            None => (text, None),
        };
        let seed = match options {
            None => Self::SEED,
            Some(options) => {
                let digits = options.strip_prefix("seed=").and_then(|n| n.parse().ok());
                digits.ok_or_else(|| format!("{options}: a seed is written as seed=7"))?
            }
        };
        let (sizes, frames_hz) = match sizes.split_once('@') {
            None => (sizes, Self::FRAMES_HZ),
            Some((sizes, rate)) => {
                let hz = rate.parse().ok().filter(|hz| (1..=60).contains(hz));
                (sizes, hz.ok_or_else(|| format!("{rate}: 1 to 60 frames a second"))?)
            }
        };
        Ok(Self { sizes: sizes.parse()?, frames_hz, seed })
    }
}

impl std::fmt::Display for SimName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.sizes)?;
        if self.frames_hz != Self::FRAMES_HZ {
            write!(f, "@{}", self.frames_hz)?;
        }
        match self.seed {
            Self::SEED => Ok(()),
            seed => write!(f, ",seed={seed}"),
        }
    }
}

/// Opens a simulated rig; it is always there.
#[derive(Clone, Copy, Debug)]
pub struct Sim {
    model: RigModel,
    cable: bool,
}

impl Sim {
    /// A rig of this model; with a cable, the event stream tells every exposure by two edges.
    pub fn new(model: RigModel, cable: bool) -> Self {
        Self { model, cable }
    }
}

impl Driver for Sim {
    fn open(&self, wanted: &DeviceSelector, _: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let world = RigWorld::new(self.model).map_err(|e| DeviceError::Unusable(e.to_string()))?;
        let (settings, settings_out) = unbounded();
        // One period waits while the next is rendered.
        let (periods_in, periods) = bounded(1);
        std::thread::Builder::new()
            .name("sim-world".into())
            .spawn(move || render(world, &settings_out, &periods_in))
            .map_err(|e| DeviceError::Unusable(format!("no thread: {e}")))?;
        let epoch = wanted.next_epoch();
        Ok(Box::new(Camera {
            model: self.model,
            settings,
            periods,
            cable: self.cable,
            wanted: wanted.clone(),
            frame_epoch: epoch,
            event_epoch: epoch,
            jitter_us: JITTER_US,
            jitter: Jitter::new(self.model.seed, JITTER_US),
            begin: None,
            last: Instant::now(),
            now_us: 0,
            queue: VecDeque::new(),
            begun: VecDeque::new(),
            slipped: Duration::ZERO,
        }))
    }
}

/// Lets the world go on, one period ahead of who watches it, until nobody does.
fn render(
    mut world: RigWorld,
    settings: &Receiver<(i64, f64)>,
    periods: &Sender<Result<Period, DeviceError>>,
) {
    loop {
        if let Some((exposure_us, speed)) = settings.try_iter().last() {
            world.set(exposure_us, speed);
        }
        let period = caught(|| world.period().map_err(|e| e.to_string()));
        let period = period.and_then(|period| period).map_err(DeviceError::Unusable);
        let last = period.is_err();
        if periods.send(period).is_err() || last {
            return;
        }
    }
}

struct Camera {
    /// As it is set now; the world follows a period or two later.
    model: RigModel,
    settings: Sender<(i64, f64)>,
    periods: Receiver<Result<Period, DeviceError>>,
    cable: bool,
    wanted: DeviceSelector,
    frame_epoch: u32,
    event_epoch: u32,
    jitter_us: f64,
    jitter: Jitter,
    /// When the next period begins.
    begin: Option<Instant>,
    /// When the last packet arrives that was sent.
    last: Instant,
    /// True time that was sent.
    now_us: i64,
    /// What is on its way to the computer, and when it arrives.
    queue: VecDeque<(Instant, Packet)>,
    /// When the last periods began, and their true times.
    begun: VecDeque<(Instant, i64)>,
    slipped: Duration,
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
            Control::whole("exposure_us", "Exposure (us)", model.exposure_us, (1_000, most)),
            Control::number("speed", "Speed of the scene", model.speed, (0.0, 4.0)),
            Control::switch("cable", "Synchronisation cable", self.cable),
            Control::number("jitter_us", "USB jitter (us)", self.jitter_us, (0.0, 20_000.0)),
            Control::number(
                "event_drift_ppm",
                "Events' clock: drift (ppm)",
                drift,
                (-200.0, 200.0),
            ),
            Control::number(
                "event_offset_us",
                "Events' clock: offset (us)",
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
                // The clock goes on from where it stands, at another rate.
                let turned = (self.model.event_drift_ppm - ppm) * 1e-6;
                self.model.event_offset_us += self.now_us as f64 * turned;
                self.model.event_drift_ppm = *ppm;
            }
            ("event_offset_us", Value::Float(us)) => {
                // Set anew: times before and after cannot be compared.
                self.model.event_offset_us = *us;
                self.event_epoch = self.wanted.next_epoch();
            }
            _ => return Err(ControlError::Unknown(name.into())),
        }
        if matches!(name, "exposure_us" | "speed") {
            // The world's thread ends only with this camera.
            let _ = self.settings.send((self.model.exposure_us, self.model.speed));
        }
        Ok(())
    }

    fn poll(&mut self, patience: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let now = Instant::now();
        let until = now + patience;
        let due = self.queue.front().map_or(until, |(due, _)| *due).min(until);
        match self.begin {
            Some(begin) if begin > now => sleep_until(due.min(begin)),
            // Wanted now: it may still be being rendered.
            _ => match self.periods.recv_deadline(due) {
                Ok(period) => self.send(period?),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(DeviceError::Unusable("the simulated world has ended".into()));
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

    fn pace(&self) -> Option<SimulationRate> {
        let ((first, from_us), (last, to_us)) = (self.begun.front()?, self.begun.back()?);
        let wall_s = last.saturating_duration_since(*first).as_secs_f64();
        let real_time = if wall_s > 0.0 { (to_us - from_us) as f64 * 1e-6 / wall_s } else { 1.0 };
        Some(SimulationRate { real_time, slipped: self.slipped })
    }
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(us.max(0).unsigned_abs())
}

fn sleep_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}

impl Camera {
    /// Sends what happened in a period, which begins now.
    fn send(&mut self, period: Period) {
        let now = Instant::now();
        // A computer too slow for the scene lets the world run slower; nothing piles up.
        let begin = match self.begin {
            Some(due) if now.saturating_duration_since(due) > SLACK => {
                self.slipped += now - due;
                now
            }
            Some(due) => due,
            None => now,
        };
        let Period { number, start_us, end_us, next_us, frame, truth, events } = period;
        self.begin = Some(begin + micros(next_us - start_us));
        self.now_us = next_us;
        self.begun.push_back((begin, start_us));
        if self.begun.len() > PACED {
            self.begun.pop_front();
        }
        let packet = Packet::Frame(FramePacket {
            epoch: self.frame_epoch,
            sequence: number,
            span: FrameTiming::Frames {
                start: Timestamp::from_us(self.model.frame_us(start_us)),
                exposure_us: end_us - start_us,
            },
            arrived: Timestamp::now(),
            picture: frame,
            truth: Some(truth),
        });
        let mut frame = Some((end_us + READOUT_US, packet));
        let mut rest = events.as_slice();
        let mut from_us = start_us;
        while from_us < next_us {
            let until_us = (from_us + PACKET_US).min(next_us);
            if let Some((due_us, packet)) = frame.take_if(|(due_us, _)| *due_us < until_us) {
                self.queue_up(begin + micros(due_us - start_us), packet);
            }
            let (now, later) = rest.split_at(rest.partition_point(|e| e.t_us < until_us));
            rest = later;
            let packet = self.events((from_us, until_us), now, (start_us, end_us));
            self.queue_up(begin + micros(until_us - start_us), packet);
            from_us = until_us;
        }
        if let Some((due_us, packet)) = frame {
            self.queue_up(begin + micros(due_us - start_us), packet);
        }
    }

    /// The events and edges of a stretch of true time, by the event camera's clock.
    fn events(&self, span: (i64, i64), events: &[Event], exposure: (i64, i64)) -> Packet {
        let model = &self.model;
        let (from, until) = (model.event_us(span.0), model.event_us(span.1));
        // Rounding down can move an event to the end of its packet when the clock is slow.
        let last = (until - 1).max(from);
        let told = |e: &Event| Event { t_us: model.event_us(e.t_us).clamp(from, last), ..*e };
        let edge = |(t, kind): (i64, TriggerEdge)| {
            let here = self.cable && (span.0..span.1).contains(&t);
            here.then(|| Trigger { t: Timestamp::from_us(model.event_us(t)), kind })
        };
        let edges = [(exposure.0, TriggerEdge::Rising), (exposure.1, TriggerEdge::Falling)];
        Packet::Events(EventPacket {
            epoch: self.event_epoch,
            from: Timestamp::from_us(from),
            until: Timestamp::from_us(until),
            arrived: Timestamp::now(),
            events: events.iter().map(told).collect(),
            edges: edges.into_iter().filter_map(edge).collect(),
            sensor: model.sensor,
            lost_since: None,
        })
    }

    /// Sends a packet that leaves its camera at a moment.
    fn queue_up(&mut self, leaves: Instant, packet: Packet) {
        // On one cable nothing overtakes.
        self.last = self.last.max(leaves + Duration::from_micros(self.jitter.delay_us()));
        self.queue.push_back((self.last, packet));
    }
}
