//! DAVIS cameras through libcaer: events, frames with their exposure times, and trigger edges.

mod biases;
mod ffi;
mod heartbeat;
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
use crate::time::Timestamp;
use biases::{Addresses, BiasDials};
use ffi::{Caer, Info, Open};
use heartbeat::ImuHeartbeat;
use registers::{DVS_DROPPED, EDGES_DROPPED, HOST_LOG, MUX, Register};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wire::{Kind, Special};

/// A camera that sends nothing for this long is treated as disconnected, even if libcaer reports
/// nothing: the IMU alone sends a thousand samples per second.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(3);
/// Sleep time when no data is available; it adds to the latency.
const IDLE_SLEEP: Duration = Duration::from_micros(500);
/// Interval for reading the camera's own drop counters. An exposure is passed on this long after
/// its end at the earliest, so that one with events dropped inside the camera can be marked.
const COUNTER_INTERVAL: Duration = Duration::from_millis(25);

/// Names of the dial controls.
const SENSITIVITY: &str = "sensitivity";
const BANDWIDTH: &str = "bandwidth";

/// Driver for DAVIS cameras.
#[derive(Default)]
pub struct Davis {
    file: Option<PathBuf>,
    /// If set, only frames or only events are streamed.
    only: Option<StreamKind>,
    caer: Mutex<Option<Arc<Caer>>>,
}

impl Davis {
    /// Uses libcaer from `file`, or from its default location.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file, only: None, caer: Mutex::new(None) }
    }

    /// For use as one of two cameras: the other stream is disabled in the camera, and frames are
    /// timestamped on this camera's clock, which is then not the event clock.
    pub fn only(mut self, part: StreamKind) -> Self {
        self.only = Some(part);
        self
    }

    /// Reads the identity of the camera with a serial number, or of any camera. The camera must not
    /// be in use.
    ///
    /// # Errors
    /// The camera is not connected, or libcaer cannot open it.
    pub fn look(&self, serial: Option<&str>) -> Result<Identity, DeviceError> {
        let open = self.open_camera(serial)?;
        Ok(identity(&open.info()))
    }

    fn open_camera(&self, serial: Option<&str>) -> Result<Open, DeviceError> {
        let caer = self.caer()?;
        let _ = log::take_last_message();
        Open::new(caer, serial).map_err(|errno| {
            let which = serial.map_or(String::new(), |s| format!(" {s}"));
            let detail = log::take_last_message();
            let detail = detail.map_or(String::new(), |message| format!(": {message}"));
            DeviceError::NotFound(format!(
                "cannot open a DAVIS{which} (libcaer error {errno}{detail}): plug it in, check \
                 that the udev rule is installed and that no other program uses the camera"
            ))
        })
    }

    /// Checks that libcaer can be loaded.
    ///
    /// # Errors
    /// libcaer is not installed or lacks a function; the message names the remedy.
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
        let mut open = self.open_camera(wanted.serial.as_deref())?;
        let info = open.info();
        let (Ok(width @ 1..), Ok(height @ 1..)) =
            (usize::try_from(info.width), usize::try_from(info.height))
        else {
            return Err(DeviceError::NotFound("the DAVIS does not report its sensor size".into()));
        };
        open.send_defaults();
        let mut rejected = Vec::new();
        for (name, module, parameter, value) in registers::START {
            if !open.set(*module, *parameter, *value) {
                rejected.push(*name);
            }
        }
        if info.global_shutter {
            open.set(registers::APS, registers::GLOBAL_SHUTTER, 1);
        }
        // If libcaer does not support this, its drops are still detected from gaps in time.
        open.set(HOST_LOG, 0, log::NOTICE);
        let off = match self.only {
            Some(StreamKind::Frames) => Some(registers::SEND_EVENTS),
            Some(StreamKind::Events) => Some(registers::SEND_FRAMES),
            None => None,
        };
        if let Some((module, parameter)) = off
            && !open.set(module, parameter, 0)
        {
            rejected.push("streaming only frames or only events");
        }
        let dials = Addresses::of_chip(info.chip)
            .and_then(|a| BiasDials::new(a, |module, parameter| open.get(module, parameter)));
        if !rejected.is_empty() {
            let what = rejected.join(", ");
            return Err(DeviceError::NotFound(format!(
                "the DAVIS rejected these settings: {what}"
            )));
        }
        if !open.start() {
            return Err(DeviceError::NotFound("the DAVIS does not start streaming".into()));
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
            joiner: PacketJoiner::default(),
            event_pool: EventPool::default(),
            image_pool: ImagePool::default(),
            frames: 0,
            last_data: Instant::now(),
            last_query: Instant::now(),
            last_query_us: None,
            dropped,
            edges_dropped,
            lost_since: None,
            dials,
            only: self.only,
            heartbeat: ImuHeartbeat::default(),
            log_drops: log::dropped_containers(),
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
    joiner: PacketJoiner,
    event_pool: EventPool,
    image_pool: ImagePool<u8>,
    frames: u64,
    last_data: Instant,
    last_query: Instant,
    /// The camera's time when its counters were last read, in microseconds.
    last_query_us: Option<i64>,
    /// The camera's own counts of events and edges that it could not send.
    dropped: Option<u64>,
    edges_dropped: Option<u64>,
    /// Start of a period with events dropped inside the camera, reported with the next packet.
    lost_since: Option<i64>,
    dials: Option<BiasDials>,
    only: Option<StreamKind>,
    heartbeat: ImuHeartbeat,
    /// Number of containers dropped by libcaer according to its log.
    log_drops: u64,
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
                Control::number(BANDWIDTH, "Photoreceptor bandwidth", dials.bandwidth, range),
            ]
        });
        dials.chain(registers).collect()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        if let (SENSITIVITY | BANDWIDTH, Value::Float(position)) = (name, value) {
            return self.dial(name, *position);
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
            self.start_epoch();
            let previous = self.open.get(module, parameter);
            // A value with which the camera does not start would leave it silent.
            self.open.restart(|open| open.set(module, parameter, raw)) || {
                let restore =
                    |open: &Open| previous.is_some_and(|raw| open.set(module, parameter, raw));
                self.open.restart(restore);
                false
            }
        } else {
            self.open.set(module, parameter, raw)
        };
        if set { Ok(()) } else { Err(ControlError::Refused(name.into())) }
    }

    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let started = Instant::now();
        loop {
            let mut received = false;
            while self.read_container(out) {
                received = true;
                if started.elapsed() > timeout {
                    break;
                }
            }
            if self.open.is_gone() {
                return Err(DeviceError::NotFound("the DAVIS was disconnected".into()));
            }
            if received {
                self.last_data = Instant::now();
                self.read_counters();
                return Ok(());
            }
            if self.last_data.elapsed() > SILENCE_TIMEOUT {
                let seconds = SILENCE_TIMEOUT.as_secs();
                let why = format!("the DAVIS has sent nothing for {seconds} s");
                return Err(DeviceError::NotFound(why));
            }
            if started.elapsed() > timeout {
                return Ok(());
            }
            std::thread::sleep(IDLE_SLEEP);
        }
    }
}

impl Camera {
    fn dial(&mut self, name: &str, position: f64) -> Result<(), ControlError> {
        let rejected = || ControlError::Refused(name.into());
        let dials = self.dials.as_mut().ok_or_else(rejected)?;
        match name {
            SENSITIVITY => dials.sensitivity = position,
            _ => dials.bandwidth = position,
        }
        let open = &self.open;
        let set =
            dials.biases().iter().all(|(address, raw)| open.set(biases::BIAS, *address, *raw));
        if set { Ok(()) } else { Err(rejected()) }
    }

    /// Starts a new epoch after a clock reset; held-back events are dropped.
    fn start_epoch(&mut self) {
        self.epoch = self.wanted.next_epoch();
        self.heartbeat = ImuHeartbeat::default();
        (self.last_query_us, self.lost_since) = (None, None);
        self.drops.add(DropCause::Device, DropUnit::Events, self.joiner.clear());
    }

    /// Reads one container. Returns whether one was available.
    fn read_container(&mut self, out: &mut Vec<Packet>) -> bool {
        let sensor = self.sensor;
        let (mut events, mut edges) = (self.event_pool.take(), Vec::new());
        let (mut frames, mut last_us, mut reset, mut bad) = (Vec::new(), None, false, 0);
        let (mut first_us, mut gap) = (None::<i64>, None);
        let (heartbeat, image_pool) = (&mut self.heartbeat, &self.image_pool);
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
                Kind::Frame => frames.extend(wire::frames(header, bytes, image_pool)),
                Kind::Inertial => {
                    if let (Some(f), Some(l)) = (header.first_us(bytes), header.last_us(bytes)) {
                        gap = heartbeat.gap(f, l, header.number());
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
        let Some(malformed) = read else { return false };
        self.drops.add(DropCause::Malformed, DropUnit::Gaps, malformed);
        self.drops.add(DropCause::Malformed, DropUnit::Events, bad);
        if reset {
            // The clock was reset; the other timestamps of this container belong to neither epoch.
            self.start_epoch();
            self.drops.add(DropCause::Device, DropUnit::Events, events.len() as u64);
            self.drops.add(DropCause::Device, DropUnit::Frames, frames.len() as u64);
            return true;
        }
        self.skip_missing(gap, first_us);
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
        let packet = match self.joiner.packet(last_us, events, self.epoch, self.sensor) {
            Ok(packet) => packet,
            // libcaer keeps timestamps sorted; a batch out of order is unusable.
            Err(lost) => return self.drops.add(DropCause::Malformed, DropUnit::Events, lost),
        };
        let lost_since = self.lost_since.take().map(Timestamp::from_us);
        out.push(Packet::Events(EventPacket { edges, lost_since, ..packet }));
    }

    /// Exposure time of a frame: on the event clock, which is the camera's own clock unless the
    /// events come from another camera.
    fn span(&self, start_us: i64, end_us: i64) -> FrameTiming {
        if self.only == Some(StreamKind::Frames) {
            let start = Timestamp::from_us(start_us);
            return FrameTiming::Frames { start, exposure_us: end_us - start_us };
        }
        let (start, end) = (Timestamp::from_us(start_us), Timestamp::from_us(end_us));
        FrameTiming::Events { start, end }
    }

    /// Skips the time of containers that libcaer dropped because its buffer was full.
    fn skip_missing(&mut self, gap: Option<i64>, first_us: Option<i64>) {
        let total = log::dropped_containers();
        let lost = total - self.log_drops;
        self.log_drops = total;
        if let (Some(_), Some(first_us)) = (gap, first_us) {
            self.drops.add(DropCause::Queue, DropUnit::Gaps, 1);
            let held = self.joiner.skip_to(first_us);
            self.drops.add(DropCause::Queue, DropUnit::Events, held);
        } else if lost > 0 && self.heartbeat.period_us.is_none() {
            // Without the inertial sensor the position of the gap is unknown.
            self.drops.add(DropCause::Queue, DropUnit::Gaps, lost);
            self.lost_since = self.lost_since.or(self.joiner.until_us());
        }
    }

    /// Reads the camera's counters of events and edges that it could not send.
    fn read_counters(&mut self) {
        if self.last_query.elapsed() < COUNTER_INTERVAL {
            return;
        }
        self.last_query = Instant::now();
        let since = std::mem::replace(&mut self.last_query_us, self.joiner.until_us());
        let increase = |count: &mut Option<u64>, parameter| {
            let previous = (*count)?;
            let now = self.open.get_64(MUX, parameter)?;
            *count = Some(now);
            Some(now.saturating_sub(previous)).filter(|n| *n > 0)
        };
        let events = increase(&mut self.dropped, DVS_DROPPED);
        let edges = increase(&mut self.edges_dropped, EDGES_DROPPED);
        if let Some(edges) = edges {
            self.drops.add(DropCause::Usb, DropUnit::Gaps, edges);
        }
        if let Some(events) = events {
            self.drops.add(DropCause::Usb, DropUnit::Events, events);
            self.lost_since = self.lost_since.or(since).or(self.last_query_us);
        }
    }
}
