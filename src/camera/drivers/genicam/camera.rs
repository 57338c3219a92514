//! One GenICam camera as a [`Device`].

use super::features;
use super::ffi::{Listed, Open, image, list};
use super::ids::Ids;
use super::pixels::{Decoder, PixelFormat};
use crate::camera::{
    Control, ControlError, Device, DeviceError, DeviceSelector, DropCause, DropUnit, Drops,
    FramePacket, FrameTiming, Identity, Packet, Value,
};
use crate::image::{ImageU8, Size};
use crate::time::Timestamp;
use aravis::prelude::*;
use aravis::{Buffer, BufferStatus};
use std::time::{Duration, Instant};

/// Supposed where neither the camera nor the user tells the exposure, in microseconds.
const SUPPOSED_EXPOSURE_US: i64 = 10_000;
/// How often a camera without chunks is asked for an exposure that may change by itself.
const ASK: Duration = Duration::from_millis(500);
/// Silence after which a USB camera is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(2);

const EXPOSURE: &str = "exposure_us";
const STAMP: &str = "time_stamp";
const AT_START: &str = "exposure's start";
const AT_END: &str = "exposure's end";

/// Opens the wanted camera: by serial number, by Aravis's name for it, or by its address.
pub(super) fn open(wanted: &DeviceSelector, drops: &Drops) -> Result<Camera, DeviceError> {
    let is_it = |l: &&Listed| match &wanted.serial {
        Some(wanted) => [&l.serial, &l.id, &l.address].contains(&wanted),
        None => true,
    };
    let listed = list();
    let Some(listed) = listed.iter().find(is_it) else {
        let which = wanted.serial.as_ref().map_or(String::new(), |s| format!(" {s}"));
        return Err(DeviceError::NotFound(format!(
            "no GenICam camera{which} answers: plug it in; over USB see that the udev rule is \
             installed, over the network that its address is of this computer's subnet"
        )));
    };
    let failed = |why: String| {
        let Listed { vendor, model, serial, .. } = listed;
        DeviceError::NotFound(format!(
            "{vendor} {model} {serial} cannot be used ({why}): see that no other program uses it \
             and that the udev rule is installed"
        ))
    };
    let mut open = Open::new(&listed.id).map_err(failed)?;
    choose_format(&open).map_err(failed)?;
    open.ask_for_chunks();
    open.start().map_err(failed)?;
    let firmware = ["DeviceFirmwareVersion", "DeviceVersion"].into_iter().find_map(|f| {
        let known = open.device.is_feature_available(f).unwrap_or(false);
        known.then(|| open.device.string_feature_value(f).ok()).flatten()
    });
    let identity = Identity {
        model: format!("{} {}", listed.vendor, listed.model),
        serial: if listed.serial.is_empty() { &listed.id } else { &listed.serial }.clone(),
        firmware: firmware.map_or(String::new(), |f| f.to_string()),
    };
    let (gige, usb) = (open.camera.is_gv_device(), open.camera.is_uv_device());
    let mut camera = Camera {
        open,
        identity,
        usb,
        drops: drops.clone(),
        epoch: wanted.next_epoch(),
        ids: Ids::new(gige),
        decoder: Decoder::default(),
        exposure_us: SUPPOSED_EXPOSURE_US,
        tells_exposure: true,
        stamp_at_end: false,
        underruns: 0,
        asked: Instant::now(),
        heard: Instant::now(),
    };
    camera.read_exposure();
    Ok(camera)
}

/// Leaves the camera's pixel format unless it is one that is not understood.
fn choose_format(open: &Open) -> Result<(), String> {
    let now = open.camera.pixel_format().ok();
    if now.is_some_and(|f| PixelFormat::from_code(f.raw()).is_some()) {
        return Ok(());
    }
    let known = features::pixel_formats(open);
    let (name, _) = known.first().ok_or("it has no pixel format that is understood")?;
    open.camera.set_pixel_format_from_string(name).map_err(|e| e.message().to_owned())
}

/// An open camera that sends.
pub(super) struct Camera {
    open: Open,
    identity: Identity,
    usb: bool,
    drops: Drops,
    epoch: u32,
    ids: Ids,
    decoder: Decoder,
    exposure_us: i64,
    /// Whether the camera tells its exposure; if not, the user does.
    tells_exposure: bool,
    stamp_at_end: bool,
    underruns: u64,
    asked: Instant,
    heard: Instant,
}

impl Camera {
    fn read_exposure(&mut self) {
        self.asked = Instant::now();
        let told = ["ExposureTime", "ExposureTimeAbs"].into_iter().find_map(|feature| {
            let known = self.open.device.is_feature_available(feature).unwrap_or(false);
            known.then(|| self.open.device.float_feature_value(feature).ok()).flatten()
        });
        self.tells_exposure = told.is_some();
        if let Some(us) = told {
            self.exposure_us = whole_us(us);
        }
    }

    /// Begins anew with what was set while the camera stood still.
    fn restart(&mut self) -> Result<(), String> {
        self.ids.restart();
        self.underruns = 0;
        self.open.start()
    }

    fn take(&mut self, buffer: &Buffer, out: &mut Vec<Packet>) {
        self.heard = Instant::now();
        let arrived = Timestamp::now();
        let cause = match buffer.status() {
            BufferStatus::Success => None,
            // Emptied because the stream was stopped: no frame.
            BufferStatus::Cleared | BufferStatus::Aborted | BufferStatus::Unknown => return,
            BufferStatus::Timeout | BufferStatus::MissingPackets | BufferStatus::Filling => {
                Some(DropCause::Usb)
            }
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
                if self.tells_exposure && self.asked.elapsed() > ASK {
                    self.read_exposure();
                }
                self.exposure_us
            }
        };
        let stamp_ns = match self.open.chunk(buffer, "ChunkTimestamp") {
            Some(ns) => ns as u64,
            None => buffer.timestamp(),
        };
        out.push(Packet::Frame(FramePacket {
            epoch: self.epoch,
            sequence: place.sequence,
            span: span(stamp_ns, exposure_us, self.stamp_at_end),
            arrived,
            picture,
            truth: None,
        }));
    }

    /// Frames that were counted by the camera and never came, by cause.
    fn count_lost(&mut self, lost: u64) {
        let underruns = self.open.underruns();
        let ours = lost.min(underruns.saturating_sub(self.underruns));
        self.underruns = underruns;
        self.drops.add(DropCause::Queue, DropUnit::Frames, ours);
        self.drops.add(DropCause::Usb, DropUnit::Frames, lost - ours);
    }

    fn picture(&mut self, buffer: &Buffer) -> Option<ImageU8> {
        let bytes = image(buffer)?;
        let format = PixelFormat::from_code(buffer.image_pixel_format().raw())?;
        let side = |v: i32| usize::try_from(v).ok();
        let size = Size::new(side(buffer.image_width())?, side(buffer.image_height())?);
        self.decoder.decode(format, size, side(buffer.image_padding().0)?, bytes)
    }
}

/// A time told in microseconds with fractions; at least one, for there is no shorter exposure.
fn whole_us(us: f64) -> i64 {
    (us.round() as i64).max(1)
}

/// When a frame was exposed. A camera without a clock stamps every frame with zero.
fn span(stamp_ns: u64, exposure_us: i64, at_end: bool) -> FrameTiming {
    if stamp_ns == 0 {
        return FrameTiming::Arrival { exposure_us };
    }
    let stamp = Timestamp::from_us(i64::try_from(stamp_ns / 1000).unwrap_or(i64::MAX));
    let start = if at_end { stamp.plus_us(-exposure_us) } else { stamp };
    FrameTiming::Frames { start, exposure_us }
}

impl Device for Camera {
    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn controls(&self) -> Vec<Control> {
        let mut controls = features::controls(&self.open);
        if !controls.iter().any(|c| c.name == EXPOSURE) && !self.tells_exposure {
            let range = (1, 10_000_000);
            controls.push(Control::whole(EXPOSURE, "Exposure (us)", self.exposure_us, range));
        }
        let value = if self.stamp_at_end { AT_END } else { AT_START };
        let choices = vec![AT_START.into(), AT_END.into()];
        let stamp = Control::choice(STAMP, "Time stamp marks", value, choices);
        controls.push(stamp.for_experts());
        controls
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        match (name, value) {
            (STAMP, Value::Enum(c)) => {
                self.stamp_at_end = c == AT_END;
                return Ok(());
            }
            (EXPOSURE, Value::Int(us)) if !self.tells_exposure => {
                self.exposure_us = *us;
                return Ok(());
            }
            _ => {}
        }
        if !features::is_still(name) {
            features::set(&self.open, name, value)?;
            self.read_exposure();
            return Ok(());
        }
        self.open.stop();
        let set = features::set(&self.open, name, value);
        // A camera that does not start again is noticed by its silence, and opened anew.
        let started = self.restart();
        self.read_exposure();
        set?;
        started.map_err(|e| ControlError::Refused(format!("{name}: {e}")))
    }

    fn poll(&mut self, patience: Duration, out: &mut Vec<Packet>) -> Result<(), DeviceError> {
        let gone = || DeviceError::NotFound(format!("{} is gone", self.identity.model));
        if self.open.is_lost() {
            return Err(gone());
        }
        let mut wait = patience;
        // As many as there are buffers, so that a flood cannot keep the thread here.
        for _ in 0..8 {
            let Some(buffer) = self.open.take(wait) else { break };
            self.take(&buffer, out);
            self.open.give(buffer);
            wait = Duration::ZERO;
        }
        if self.usb && self.heard.elapsed() > SILENCE {
            self.heard = Instant::now();
            // It may wait for a trigger; only one that does not answer is gone.
            if self.open.device.integer_feature_value("Width").is_err() {
                return Err(DeviceError::NotFound(format!("{} is gone", self.identity.model)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_the_start_or_the_end_of_the_exposure_or_nothing() {
        let at = |start_us| FrameTiming::Frames {
            start: Timestamp::from_us(start_us),
            exposure_us: 4_000,
        };
        assert_eq!(span(9_000_999, 4_000, false), at(9_000));
        assert_eq!(span(9_000_000, 4_000, true), at(5_000));
        assert_eq!(span(0, 4_000, true), FrameTiming::Arrival { exposure_us: 4_000 });
    }
}
