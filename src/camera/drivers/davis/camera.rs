//! A DAVIS that streams: containers become packets, and drops are counted.

use super::biases::BiasControls;
use super::container::Container;
use super::controls::{self, BANDWIDTH, SENSITIVITY};
use super::heartbeat::ImuHeartbeat;
use super::log;
use super::open::{Info, Open};
use super::registers::{DVS_DROPPED, EDGES_DROPPED, MUX};
use crate::camera::joiner::PacketJoiner;
use crate::camera::split::StreamKind;
use crate::camera::{
    Control, ControlError, Device, DeviceError, DeviceSelector, DropCause, DropUnit, Drops,
    EventPacket, FramePacket, FrameTiming, Identity, Packet, Value,
};
use crate::event::{EventBuffer, EventPool, Trigger};
use crate::image::{ImagePool, Size};
use crate::time::Timestamp;
use std::time::{Duration, Instant};

/// A camera that sends nothing for this long is treated as disconnected, even if libcaer reports
/// nothing: the IMU alone sends a thousand samples per second.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(3);
/// Sleep time when no data is available; it adds to the latency.
const IDLE_SLEEP: Duration = Duration::from_micros(500);
/// Interval for reading the camera's own drop counters. An exposure is passed on this long after
/// its end at the earliest, so that one with events dropped inside the camera can be marked.
const COUNTER_INTERVAL: Duration = Duration::from_millis(25);

/// An open camera.
pub(super) struct Camera {
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
    bias_controls: Option<BiasControls>,
    only: Option<StreamKind>,
    heartbeat: ImuHeartbeat,
    /// Number of containers dropped by libcaer according to its log.
    log_drops: u64,
}

/// Model, serial number and firmware of a device.
pub(super) fn identity(info: &Info) -> Identity {
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
        controls::list(&self.open, &self.info, self.bias_controls.as_ref())
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        if let (SENSITIVITY | BANDWIDTH, Value::Float(position)) = (name, value) {
            let bias_controls = self.bias_controls.as_mut();
            return controls::set_bias_control(&self.open, bias_controls, name, *position);
        }
        let (register, raw) = controls::register(&self.info, name, value)?;
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
    /// Starts from an open camera that streams.
    pub(super) fn new(
        open: Open,
        info: Info,
        sensor: Size,
        wanted: DeviceSelector,
        drops: Drops,
        bias_controls: Option<BiasControls>,
        only: Option<StreamKind>,
    ) -> Self {
        let count = |parameter| info.statistics.then(|| open.get_64(MUX, parameter)).flatten();
        let (dropped, edges_dropped) = (count(DVS_DROPPED), count(EDGES_DROPPED));
        Self {
            epoch: wanted.next_epoch(),
            open,
            info,
            sensor,
            wanted,
            drops,
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
            bias_controls,
            only,
            heartbeat: ImuHeartbeat::default(),
            log_drops: log::dropped_containers(),
        }
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
        let (events, sensor) = (self.event_pool.take(), self.sensor);
        let (heartbeat, joiner) = (&mut self.heartbeat, &mut self.joiner);
        let (open, images) = (&mut self.open, &self.image_pool);
        let read = Container::read(open, sensor, events, images, heartbeat, joiner);
        let Some(mut container) = read else { return false };
        if container.reset || container.gap.is_some() || container.last_us.is_none() {
            self.joiner.take_back(&mut container.events);
        }
        let Container { events, edges, frames, first_us, last_us, gap, .. } = container;
        self.drops.add(DropCause::Malformed, DropUnit::Gaps, container.malformed);
        self.drops.add(DropCause::Malformed, DropUnit::Events, container.invalid_events);
        if container.reset {
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
                timing: self.timing(frame.start_us, frame.end_us),
                arrived: Timestamp::now(),
                picture: frame.picture,
                truth: None,
                contrast: None,
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
    fn timing(&self, start_us: i64, end_us: i64) -> FrameTiming {
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
