//! DAVIS cameras through libcaer: events, frames with their exposures, edges.

mod biases;
mod ffi;
mod log;
mod registers;
mod wire;

pub use ffi::LIBRARY_VARIABLE;

use crate::camera::joiner::PacketJoiner;
use crate::camera::split::StreamKind;
use crate::camera::{
    Control, ControlError, Device, DeviceError, DeviceSelector, Driver, DropCause, DropUnit, Drops,
    EventPacket, FramePacket, FrameTiming, Identity, Packet, Value,
};
use crate::event::{EventBuffer, EventPool, Trigger};
use crate::image::{ImagePool, Size};
use crate::time::{EventClock, Timestamp};
use biases::{Addresses, BiasDials};
use ffi::{Caer, Info, Open};
use registers::{DVS_DROPPED, EDGES_DROPPED, HOST_LOG, MUX, Register};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wire::{Kind, Special};

/// Silence after which a camera counts as gone even if libcaer says nothing: the inertial
/// sensor alone sends a thousand times a second.
const SILENCE: Duration = Duration::from_secs(3);
/// How long to sleep where there is nothing, which adds to latency.
const NAP: Duration = Duration::from_micros(500);
/// How often the camera's own counters are asked: an exposure is passed on that long after its
/// end at the earliest, so that one whose events were lost inside the camera can be marked.
const ASK: Duration = Duration::from_millis(25);

/// What a switch or a dial is called.
const SENSITIVITY: &str = "sensitivity";
const BANDWIDTH: &str = "bandwidth";

/// Opens DAVIS cameras.
#[derive(Default)]
pub struct Davis {
    file: Option<PathBuf>,
    /// Only this, of frames and events.
    only: Option<StreamKind>,
    caer: Mutex<Option<Arc<Caer>>>,
}

impl Davis {
    /// With libcaer from `file`, or from its usual place.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file, only: None, caer: Mutex::new(None) }
    }

    /// Used as one of two cameras: the other part is switched off in the camera, and frames
    /// are told on its own clock, which is then not that of the events.
    pub fn only(mut self, part: StreamKind) -> Self {
        self.only = Some(part);
        self
    }

    /// What the camera of a serial number, or any, says of itself. It must not be in use.
    ///
    /// # Errors
    /// It is not there, or libcaer cannot use it.
    pub fn look(&self, serial: Option<&str>) -> Result<Identity, DeviceError> {
        let open = self.grab(serial)?;
        Ok(identity(&open.info()))
    }

    fn grab(&self, serial: Option<&str>) -> Result<Open, DeviceError> {
        let caer = self.caer()?;
        let _ = log::last_words();
        Open::new(caer, serial).map_err(|errno| {
            let which = serial.map_or(String::new(), |s| format!(" {s}"));
            let said = log::last_words().map_or(String::new(), |words| format!(": {words}"));
            DeviceError::NotFound(format!(
                "no DAVIS{which} can be opened (libcaer's error {errno}{said}): plug it in, see \
                 that the udev rule is installed and that no other program uses it"
            ))
        })
    }

    /// Whether libcaer can be loaded; if not, why, and what to do.
    ///
    /// # Errors
    /// It is not there, or lacks a function.
    pub fn library(&self) -> Result<(), DeviceError> {
        self.caer().map(|_| ())
    }

    fn caer(&self) -> Result<Arc<Caer>, DeviceError> {
        let mut held = self.caer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(caer) = held.as_ref() {
            return Ok(caer.clone());
        }
        let caer = Caer::load(self.file.clone()).map_err(DeviceError::Unusable)?;
        Ok(held.insert(caer).clone())
    }
}

impl Driver for Davis {
    fn open(&self, wanted: &DeviceSelector, drops: &Drops) -> Result<Box<dyn Device>, DeviceError> {
        let mut open = self.grab(wanted.serial.as_deref())?;
        let info = open.info();
        let (Ok(width @ 1..), Ok(height @ 1..)) =
            (usize::try_from(info.width), usize::try_from(info.height))
        else {
            return Err(DeviceError::NotFound("the DAVIS does not tell its size".into()));
        };
        open.send_defaults();
        let mut refused = Vec::new();
        for (name, module, parameter, value) in registers::START {
            if !open.set(*module, *parameter, *value) {
                refused.push(*name);
            }
        }
        if info.global_shutter {
            open.set(registers::APS, registers::GLOBAL_SHUTTER, 1);
        }
        // Where it is not understood, losses are still seen by the time that they leave out.
        open.set(HOST_LOG, 0, log::NOTICE);
        let off = match self.only {
            Some(StreamKind::Frames) => Some(registers::SEND_EVENTS),
            Some(StreamKind::Events) => Some(registers::SEND_FRAMES),
            None => None,
        };
        if let Some((module, parameter)) = off
            && !open.set(module, parameter, 0)
        {
            refused.push("sending only one of frames and events");
        }
        let dials = Addresses::of_chip(info.chip)
            .and_then(|a| BiasDials::new(a, |module, parameter| open.get(module, parameter)));
        if !refused.is_empty() {
            let what = refused.join(", ");
            return Err(DeviceError::NotFound(format!("the DAVIS did not accept {what}")));
        }
        if !open.start() {
            return Err(DeviceError::NotFound("the DAVIS does not start to send".into()));
        }
        let count = |parameter| info.statistics.then(|| open.get_64(MUX, parameter)).flatten();
        let (dropped, edges_dropped) = (count(DVS_DROPPED), count(EDGES_DROPPED));
        Ok(Box::new(Camera {
            open,
            info,
            sensor: Size::new(width, height),
            wanted: wanted.clone(),
            drops: drops.clone(),
            epoch: wanted.next_epoch(),
            seam: PacketJoiner::default(),
            lists: EventPool::default(),
            pictures: ImagePool::default(),
            frames: 0,
            heard: Instant::now(),
            asked: Instant::now(),
            asked_us: None,
            dropped,
            edges_dropped,
            lost_since: None,
            dials,
            only: self.only,
            beat: ImuHeartbeat::default(),
            log_lost: log::lost(),
        }))
    }
}

struct Camera {
    open: Open,
    info: Info,
    sensor: Size,
    wanted: DeviceSelector,
    drops: Drops,
    epoch: u32,
    seam: PacketJoiner,
    lists: EventPool,
    pictures: ImagePool<u8>,
    frames: u64,
    heard: Instant,
    asked: Instant,
    /// The camera's time when it was last asked.
    asked_us: Option<i64>,
    /// The camera's own count of events that it could not send, and of edges.
    dropped: Option<u64>,
    edges_dropped: Option<u64>,
    /// Since when events were lost inside the camera, to be told with the next packet.
    lost_since: Option<i64>,
    dials: Option<BiasDials>,
    only: Option<StreamKind>,
    beat: ImuHeartbeat,
    /// Containers that libcaer had dropped by its own account.
    log_lost: u64,
}

/// The inertial sensor's steady pulse, whose absence tells that containers are missing.
#[derive(Debug, Default)]
struct ImuHeartbeat {
    last_us: Option<i64>,
    period_us: Option<i64>,
}

/// Shortest period that is believed, in microseconds.
const SHORTEST_BEAT_US: i64 = 100;

impl ImuHeartbeat {
    /// Takes the sensor's first and last sample of a container; where the last sample before
    /// a pause was that is too long for the sensor, if there was one.
    fn pause(&mut self, first_us: i64, last_us: i64, samples: usize) -> Option<i64> {
        let before = self.last_us.replace(last_us);
        let known = self.period_us;
        if let Some(steps) = i64::try_from(samples).ok().filter(|n| *n > 1) {
            let period = ((last_us - first_us) / (steps - 1)).max(SHORTEST_BEAT_US);
            self.period_us = Some(period);
        }
        // The longer one of two containers: one that was cut short tells little.
        let (before, period) = (before?, self.period_us?.max(known.unwrap_or(0)));
        let step = first_us - before;
        // A pulse or two may come late; a container holds at least two.
        (step * 2 > period * 5).then_some(before)
    }
}

fn identity(info: &Info) -> Identity {
    Identity {
        model: info.description.clone(),
        serial: info.serial.clone(),
        firmware: format!("firmware {}, logic {}", info.firmware, info.logic),
    }
}

impl Device for Camera {
    fn identity(&self) -> Identity {
        identity(&self.info)
    }

    fn controls(&self) -> Vec<Control> {
        let registers = registers::registers(&self.info)
            .filter_map(|r| Some(r.control(self.open.get(r.module, r.parameter)?)));
        let dials = self.dials.iter().flat_map(|dials| {
            let range = (-1.0, 1.0);
            [
                Control::number(SENSITIVITY, "Sensitivity", dials.sensitivity, range),
                Control::number(BANDWIDTH, "Speed of the pixels", dials.bandwidth, range),
            ]
        });
        dials.chain(registers).collect()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        if let (SENSITIVITY | BANDWIDTH, Value::Float(place)) = (name, value) {
            return self.dial(name, *place);
        }
        let register: Register = registers::registers(&self.info)
            .find(|r| r.name == name)
            .ok_or_else(|| ControlError::Unknown(name.into()))?;
        let raw = match value {
            Value::Bool(on) => u32::from(*on),
            Value::Int(v) => u32::try_from(*v).unwrap_or(0),
            Value::Enum(choice) => choice.parse().map_err(|_| {
                let (name, value) = (name.into(), value.clone());
                ControlError::Range { name, value }
            })?,
            Value::Float(_) => {
                return Err(ControlError::Kind { name: name.into(), value: value.clone() });
            }
        };
        let (module, parameter) = (register.module, register.parameter);
        let set = if register.restart {
            self.begin_anew();
            let before = self.open.get(module, parameter);
            // One that the camera does not start with would leave it silent.
            self.open.restart(|open| open.set(module, parameter, raw)) || {
                let back = |open: &Open| before.is_some_and(|raw| open.set(module, parameter, raw));
                self.open.restart(back);
                false
            }
        } else {
            self.open.set(module, parameter, raw)
        };
        if set { Ok(()) } else { Err(ControlError::Refused(name.into())) }
    }

    fn poll(&mut self, patience: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let started = Instant::now();
        loop {
            let mut any = false;
            while self.container(out) {
                any = true;
                if started.elapsed() > patience {
                    break;
                }
            }
            if self.open.is_gone() {
                return Err(DeviceError::NotFound("the DAVIS was unplugged".into()));
            }
            if any {
                self.heard = Instant::now();
                self.ask();
                return Ok(());
            }
            if self.heard.elapsed() > SILENCE {
                let seconds = SILENCE.as_secs();
                let why = format!("the DAVIS has sent nothing for {seconds} s");
                return Err(DeviceError::NotFound(why));
            }
            if started.elapsed() > patience {
                return Ok(());
            }
            std::thread::sleep(NAP);
        }
    }
}

impl Camera {
    fn dial(&mut self, name: &str, place: f64) -> Result<(), ControlError> {
        let refused = || ControlError::Refused(name.into());
        let dials = self.dials.as_mut().ok_or_else(refused)?;
        match name {
            SENSITIVITY => dials.sensitivity = place,
            _ => dials.bandwidth = place,
        }
        let open = &self.open;
        let set =
            dials.biases().iter().all(|(address, raw)| open.set(biases::BIAS, *address, *raw));
        if set { Ok(()) } else { Err(refused()) }
    }

    /// The clock begins anew; what was held back is lost.
    fn begin_anew(&mut self) {
        self.epoch = self.wanted.next_epoch();
        self.beat = ImuHeartbeat::default();
        (self.asked_us, self.lost_since) = (None, None);
        self.drops.add(DropCause::Device, DropUnit::Events, self.seam.clear());
    }

    /// Reads one container, if there is one.
    fn container(&mut self, out: &mut Vec<Packet>) -> bool {
        let sensor = self.sensor;
        let (mut events, mut edges) = (self.lists.take(), Vec::new());
        let (mut frames, mut last_us, mut reset, mut bad) = (Vec::new(), None, false, 0);
        let (mut first_us, mut pause) = (None::<i64>, None);
        let (beat, pictures) = (&mut self.beat, &self.pictures);
        let read = self.open.data(|header, bytes| {
            match header.kind {
                Kind::Polarity => bad += wire::polarity(header, bytes, sensor, &mut events),
                Kind::Special => {
                    for special in wire::specials(header, bytes) {
                        match special {
                            Special::Reset => reset = true,
                            Special::Edge(kind, t_us) => {
                                edges.push(Trigger { t: Timestamp::from_us(t_us), kind });
                            }
                        }
                    }
                }
                Kind::Frame => frames.extend(wire::frames(header, bytes, pictures)),
                Kind::Inertial => {
                    if let (Some(f), Some(l)) = (header.first_us(bytes), header.last_us(bytes)) {
                        pause = beat.pause(f, l, header.number());
                    }
                }
                Kind::Other => {}
            }
            if matches!(header.kind, Kind::Polarity | Kind::Special | Kind::Inertial) {
                last_us = last_us.max(header.last_us(bytes));
                let first = header.first_us(bytes);
                first_us = first.map(|us| first_us.map_or(us, |known| known.min(us))).or(first_us);
            }
        });
        let Some(nonsense) = read else { return false };
        self.drops.add(DropCause::Malformed, DropUnit::Gaps, nonsense);
        self.drops.add(DropCause::Malformed, DropUnit::Events, bad);
        if reset {
            // The clock begins anew, and this container's other times are of neither clock.
            self.begin_anew();
            self.drops.add(DropCause::Device, DropUnit::Events, events.len() as u64);
            self.drops.add(DropCause::Device, DropUnit::Frames, frames.len() as u64);
            return true;
        }
        self.notice_missing(pause, first_us);
        if let Some(last_us) = last_us {
            self.events(last_us, events, edges, out);
        }
        for frame in frames {
            let sequence = self.frames;
            self.frames += 1;
            let Some(frame) = frame else {
                self.drops.add(DropCause::Malformed, DropUnit::Frames, 1);
                continue;
            };
            out.push(Packet::Frame(FramePacket {
                epoch: self.epoch,
                sequence,
                span: self.span(frame.start_us, frame.end_us),
                arrived: Timestamp::now(),
                picture: frame.picture,
                truth: None,
            }));
        }
        true
    }

    fn events(
        &mut self,
        last_us: i64,
        events: EventBuffer,
        edges: Vec<Trigger>,
        out: &mut Vec<Packet>,
    ) {
        let (from_us, until_us, events) = match self.seam.join(last_us, events) {
            Ok(whole) => whole,
            // libcaer keeps time in order; what does not is no use to anybody.
            Err(lost) => return self.drops.add(DropCause::Malformed, DropUnit::Events, lost),
        };
        out.push(Packet::Events(EventPacket {
            epoch: self.epoch,
            from: Timestamp::<EventClock>::from_us(from_us),
            until: Timestamp::from_us(until_us),
            arrived: Timestamp::now(),
            events,
            edges,
            sensor: self.sensor,
            lost_since: self.lost_since.take().map(Timestamp::from_us),
        }));
    }

    /// When a frame was exposed: on the events' clock, which is the camera's own unless the
    /// events come from another one.
    fn span(&self, start_us: i64, end_us: i64) -> FrameTiming {
        if self.only == Some(StreamKind::Frames) {
            let start = Timestamp::from_us(start_us);
            return FrameTiming::Frames { start, exposure_us: end_us - start_us };
        }
        let (start, end) = (Timestamp::from_us(start_us), Timestamp::from_us(end_us));
        FrameTiming::Events { start, end }
    }

    /// Leaves out the time of containers that libcaer had no room for.
    fn notice_missing(&mut self, pause: Option<i64>, first_us: Option<i64>) {
        let told = log::lost();
        let lost = told - self.log_lost;
        self.log_lost = told;
        if let (Some(_), Some(first_us)) = (pause, first_us) {
            self.drops.add(DropCause::Queue, DropUnit::Gaps, 1);
            let held = self.seam.skip_to(first_us);
            self.drops.add(DropCause::Queue, DropUnit::Events, held);
        } else if lost > 0 && self.beat.period_us.is_none() {
            // Without the inertial sensor nobody knows where they are missing.
            self.drops.add(DropCause::Queue, DropUnit::Gaps, lost);
            self.lost_since = self.lost_since.or(self.seam.until_us());
        }
    }

    /// Asks the camera what it could not send.
    fn ask(&mut self) {
        if self.asked.elapsed() < ASK {
            return;
        }
        self.asked = Instant::now();
        let since = std::mem::replace(&mut self.asked_us, self.seam.until_us());
        let more = |count: &mut Option<u64>, parameter| {
            let before = (*count)?;
            let now = self.open.get_64(MUX, parameter)?;
            *count = Some(now);
            Some(now.saturating_sub(before)).filter(|n| *n > 0)
        };
        let events = more(&mut self.dropped, DVS_DROPPED);
        let edges = more(&mut self.edges_dropped, EDGES_DROPPED);
        if let Some(edges) = edges {
            self.drops.add(DropCause::Usb, DropUnit::Gaps, edges);
        }
        if let Some(events) = events {
            self.drops.add(DropCause::Usb, DropUnit::Events, events);
            self.lost_since = self.lost_since.or(since).or(self.asked_us);
        }
    }
}
