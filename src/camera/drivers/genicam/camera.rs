//! One GenICam camera as a [`Device`].

use super::features;
use super::open::{Listed, Open, image, list};
use super::pixels::{Decoder, PixelFormat};
use super::stream::Buffer;
use super::timing::{timestamp_ns, timing, whole_us};
use crate::camera::drivers::frame_numbers::FrameNumbers;
use crate::camera::drivers::timestamp_mark;
use crate::camera::{
    Control, ControlError, Device, DeviceError, DeviceSelector, DropCause, DropUnit, Drops,
    FramePacket, Identity, Packet, Value,
};
use crate::image::{ImageU8, Size};
use crate::time::Timestamp;
use std::ffi::c_int;
use std::time::{Duration, Instant};

/// Exposure time assumed if neither the camera nor the user provides one, in microseconds.
const DEFAULT_EXPOSURE_US: i64 = 10_000;
/// Polling interval for the exposure time of a camera without chunks, which may change by itself.
const EXPOSURE_INTERVAL: Duration = Duration::from_millis(500);
/// After this time without data, a USB camera is checked for a disconnect.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// `ArvBufferStatus`.
mod status {
    use std::ffi::c_int;

    pub(super) const UNKNOWN: c_int = -1;
    pub(super) const SUCCESS: c_int = 0;
    pub(super) const CLEARED: c_int = 1;
    pub(super) const TIMEOUT: c_int = 2;
    pub(super) const MISSING_PACKETS: c_int = 3;
    pub(super) const FILLING: c_int = 6;
    pub(super) const ABORTED: c_int = 7;
}

const EXPOSURE: &str = "exposure_us";

/// Opens the selected camera: by serial number, by Aravis's device id, or by its address.
pub(super) fn open(wanted: &DeviceSelector, drops: &Drops) -> Result<Camera, DeviceError> {
    let matches_selector = |l: &&Listed| match &wanted.serial {
        Some(wanted) => [&l.serial, &l.id, &l.address].contains(&wanted),
        None => true,
    };
    let listed = list().map_err(DeviceError::Unusable)?;
    let Some(listed) = listed.iter().find(matches_selector) else {
        let which = wanted.serial.as_ref().map_or(String::new(), |s| format!(" {s}"));
        return Err(DeviceError::NotFound(format!(
            "no GenICam camera{which} was found: plug it in; for USB check that the udev rule is \
             installed, for Ethernet that its address is in this computer's subnet"
        )));
    };
    let failed = |why: String| {
        let Listed { vendor, model, serial, .. } = listed;
        DeviceError::NotFound(format!(
            "{vendor} {model} {serial} cannot be used ({why}): check that no other program uses it \
             and that the udev rule is installed"
        ))
    };
    let mut open = Open::new(&listed.id).map_err(failed)?;
    choose_format(&open).map_err(failed)?;
    open.enable_chunks();
    open.start().map_err(failed)?;
    let firmware = ["DeviceFirmwareVersion", "DeviceVersion"].into_iter().find_map(|f| {
        let known = open.device.is_feature_available(f);
        known.then(|| open.device.string_feature_value(f).ok()).flatten()
    });
    let identity = Identity {
        model: format!("{} {}", listed.vendor, listed.model),
        serial: if listed.serial.is_empty() { &listed.id } else { &listed.serial }.clone(),
        firmware: firmware.unwrap_or_default(),
    };
    let (gige, usb) = (open.camera.is_gv_device(), open.camera.is_uv_device());
    let mut camera = Camera {
        open,
        identity,
        usb,
        drops: drops.clone(),
        epoch: wanted.next_epoch(),
        ids: FrameNumbers::new(gige),
        decoder: Decoder::default(),
        exposure_us: DEFAULT_EXPOSURE_US,
        reports_exposure: true,
        timestamp_at_end: false,
        underruns: 0,
        last_query: Instant::now(),
        last_data: Instant::now(),
    };
    camera.read_exposure();
    Ok(camera)
}

/// Keeps the camera's pixel format if it is supported, else selects the first supported one.
fn choose_format(open: &Open) -> Result<(), String> {
    let now = open.camera.pixel_format().ok();
    if now.is_some_and(|code| PixelFormat::from_code(code).is_some()) {
        return Ok(());
    }
    let known = features::pixel_formats(open);
    let (name, _) = known.first().ok_or("it offers no supported gray, Bayer, RGB or YUV format")?;
    open.camera.set_pixel_format(name)
}

/// An open, streaming camera.
pub(super) struct Camera {
    open: Open,
    identity: Identity,
    usb: bool,
    drops: Drops,
    epoch: u32,
    ids: FrameNumbers,
    decoder: Decoder,
    exposure_us: i64,
    /// Whether the camera reports its exposure time; if not, the user sets it.
    reports_exposure: bool,
    timestamp_at_end: bool,
    underruns: u64,
    last_query: Instant,
    last_data: Instant,
}

impl Camera {
    fn read_exposure(&mut self) {
        self.last_query = Instant::now();
        let reported = ["ExposureTime", "ExposureTimeAbs"].into_iter().find_map(|feature| {
            let known = self.open.device.is_feature_available(feature);
            known.then(|| self.open.device.float_feature_value(feature).ok()).flatten()
        });
        self.reports_exposure = reported.is_some();
        if let Some(us) = reported {
            self.exposure_us = whole_us(us);
        }
    }

    /// Restarts the stream after a setting was changed while it was stopped.
    fn restart(&mut self) -> Result<(), String> {
        self.ids.restart();
        self.underruns = 0;
        self.open.start()
    }

    fn process(&mut self, buffer: &Buffer, out: &mut Vec<Packet>) {
        self.last_data = Instant::now();
        let arrived = Timestamp::now();
        let cause = match buffer.status() {
            status::SUCCESS => None,
            // Returned because the stream was stopped: not a frame.
            status::CLEARED | status::ABORTED | status::UNKNOWN => return,
            status::TIMEOUT | status::MISSING_PACKETS | status::FILLING => Some(DropCause::Usb),
            // A wrong packet, or an image larger than the buffer.
            _ => Some(DropCause::Malformed),
        };
        let Some(place) = self.ids.place(buffer.frame_id()) else {
            return self.drops.add(DropCause::Duplicate, DropUnit::Frames, 1);
        };
        self.count_lost(place.lost);
        if let Some(cause) = cause {
            return self.drops.add(cause, DropUnit::Frames, 1);
        }
        let Some(picture) = self.picture(buffer) else {
            return self.drops.add(DropCause::Malformed, DropUnit::Frames, 1);
        };
        let exposure_us = match self.open.chunk(buffer, "ChunkExposureTime") {
            Some(us) => whole_us(us),
            None => {
                if self.reports_exposure && self.last_query.elapsed() > EXPOSURE_INTERVAL {
                    self.read_exposure();
                }
                self.exposure_us
            }
        };
        let chunk = self.open.chunk(buffer, "ChunkTimestamp");
        let timestamp_ns = timestamp_ns(chunk, buffer.timestamp_ns());
        out.push(Packet::Frame(FramePacket {
            epoch: self.epoch,
            sequence: place.sequence,
            timing: timing(timestamp_ns, exposure_us, self.timestamp_at_end),
            arrived,
            picture,
            truth: None,
            contrast: None,
        }));
    }

    /// Counts frames that the camera numbered but that never arrived, per cause.
    fn count_lost(&mut self, lost: u64) {
        let underruns = self.open.underruns();
        let queue_drops = lost.min(underruns.saturating_sub(self.underruns));
        self.underruns = underruns;
        self.drops.add(DropCause::Queue, DropUnit::Frames, queue_drops);
        self.drops.add(DropCause::Usb, DropUnit::Frames, lost - queue_drops);
    }

    fn picture(&mut self, buffer: &Buffer) -> Option<ImageU8> {
        let bytes = image(buffer)?;
        let format = PixelFormat::from_code(buffer.pixel_format())?;
        let side = |v: c_int| usize::try_from(v).ok();
        let (width, height) = buffer.size_px();
        let size = Size::new(side(width)?, side(height)?);
        self.decoder.decode(format, size, side(buffer.row_padding_bytes())?, bytes)
    }
}

impl Device for Camera {
    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn controls(&self) -> Vec<Control> {
        let mut controls = features::controls(&self.open);
        if !controls.iter().any(|c| c.name == EXPOSURE) && !self.reports_exposure {
            let range = (1, 10_000_000);
            controls.push(Control::int(EXPOSURE, "Exposure (us)", self.exposure_us, range));
        }
        controls.push(timestamp_mark::control(self.timestamp_at_end));
        controls
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        match (name, value) {
            (timestamp_mark::NAME, Value::Enum(value)) => {
                self.timestamp_at_end = timestamp_mark::is_end(value);
                return Ok(());
            }
            (EXPOSURE, Value::Int(us)) if !self.reports_exposure => {
                self.exposure_us = *us;
                return Ok(());
            }
            _ => {}
        }
        if !features::needs_stop(name) {
            features::set(&self.open, name, value)?;
            self.read_exposure();
            return Ok(());
        }
        self.open.stop();
        let set = features::set(&self.open, name, value);
        // A camera that does not restart stays silent, is detected and opened again.
        let started = self.restart();
        self.read_exposure();
        set?;
        started.map_err(|e| ControlError::Refused(format!("{name}: {e}")))
    }

    fn poll(&mut self, timeout: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let gone = || DeviceError::NotFound(format!("{} was disconnected", self.identity.model));
        if self.open.is_lost() {
            return Err(gone());
        }
        let mut wait = timeout;
        // A limit near the number of buffers, so that a flood cannot keep the thread here.
        for _ in 0..8 {
            let Some(buffer) = self.open.take(wait) else { break };
            self.process(&buffer, out);
            self.open.return_buffer(buffer);
            wait = Duration::ZERO;
        }
        if self.usb && self.last_data.elapsed() > SILENCE_TIMEOUT {
            self.last_data = Instant::now();
            // It may be waiting for a trigger; it is gone only if it does not respond.
            if self.open.device.integer_feature_value("Width").is_err() {
                let why = format!("{} was disconnected", self.identity.model);
                return Err(DeviceError::NotFound(why));
            }
        }
        Ok(())
    }
}
