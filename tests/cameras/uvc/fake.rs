//! A web camera that stalls, sends broken images, is unplugged and returns under another index.

use crate::conformance::Bench;
use gem_live::camera::drivers::uvc::{Coding, Listed, Mode, Stamp, Uvc, Webcam, Webcams};
use gem_live::camera::{
    CameraStream, Control, ControlError, DeviceError, DeviceSelector, Driver, DropCause, DropUnit,
    Drops, StreamSettings, Value,
};
use gem_live::image::Size;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(super) const SIZE: Size = Size::new(32, 16);
pub(super) const YUYV: Mode = Mode { size: SIZE, coding: Coding::Yuyv, rate_hz: 100 };
pub(super) const MJPEG: Mode = Mode { size: Size::new(64, 48), coding: Coding::Mjpeg, rate_hz: 30 };
pub(super) const NAME: &str = "A Camera: A Camera";

/// State of the fake camera, controlled by the test.
#[derive(Default)]
pub(super) struct World {
    pub(super) present: AtomicBool,
    /// Its index, which changes after a reconnect.
    pub(super) index: AtomicU32,
    /// Exposure time reported by its driver, in microseconds; zero means none.
    pub(super) exposure_us: AtomicI64,
    /// Number of broken images to send.
    pub(super) broken: AtomicU32,
    pub(super) silent: AtomicBool,
    pub(super) modes: Mutex<Vec<Mode>>,
    pub(super) opened: AtomicU32,
    pub(super) closed: AtomicU32,
}

#[derive(Clone)]
pub(super) struct Fake(pub(super) Arc<World>);

impl Fake {
    pub(super) fn new() -> Self {
        let world = World { present: AtomicBool::new(true), ..World::default() };
        Self(Arc::new(world))
    }

    pub(super) fn start(&self, wanted: Option<&str>) -> CameraStream {
        let settings =
            StreamSettings { retry: Duration::from_millis(20), ..StreamSettings::default() };
        let wanted = DeviceSelector::new(wanted.map(str::to_owned));
        let opener = Arc::new(Uvc::with_webcams(Arc::new(self.clone())));
        CameraStream::start("uvc", opener, wanted, settings, Drops::default()).unwrap()
    }

    fn is_present(&self) -> bool {
        self.0.present.load(Ordering::SeqCst)
    }
}

impl Webcams for Fake {
    fn list(&self) -> Result<Vec<Listed>, DeviceError> {
        let index = self.0.index.load(Ordering::SeqCst);
        let other = Listed { index: 40, name: "Another".into(), problem: None };
        let both =
            [index, index + 1].map(|index| Listed { index, name: NAME.into(), problem: None });
        let own = both.into_iter().filter(|_| self.is_present());
        Ok(own.chain([other]).collect())
    }

    fn open(&self, index: u32, wanted: Option<Mode>) -> Result<Box<dyn Webcam>, String> {
        if !self.is_present() || index != self.0.index.load(Ordering::SeqCst) {
            return Err("it sends no pictures".into());
        }
        self.0.modes.lock().unwrap().extend(wanted);
        self.0.opened.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Open { fake: self.clone(), mode: wanted.unwrap_or(YUYV), index }))
    }
}

struct Open {
    fake: Fake,
    mode: Mode,
    index: u32,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.fake.0.closed.fetch_add(1, Ordering::SeqCst);
    }
}

impl Webcam for Open {
    fn mode(&self) -> Mode {
        self.mode
    }

    fn modes(&mut self) -> Vec<Mode> {
        vec![YUYV, MJPEG]
    }

    fn next(&mut self, bytes: &mut Vec<u8>) -> Result<Option<Stamp>, String> {
        let world = &self.fake.0;
        std::thread::sleep(Duration::from_millis(5));
        while world.silent.load(Ordering::SeqCst) && self.fake.is_present() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !self.fake.is_present() || self.index != world.index.load(Ordering::SeqCst) {
            return Err("no such device".into());
        }
        let one = |n: u32| n.checked_sub(1);
        if world.broken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one).is_ok() {
            bytes.extend([0xff, 0xd8, 1, 2]);
        } else if self.mode.coding == Coding::Yuyv {
            bytes.extend([100, 128].repeat(SIZE.area()));
        } else {
            bytes.extend(jpeg(self.mode.size, [200, 100, 30]));
        }
        Ok(Some(Stamp::default()))
    }

    fn exposure_us(&mut self) -> Option<i64> {
        Some(self.fake.0.exposure_us.load(Ordering::SeqCst)).filter(|us| *us > 0)
    }

    fn controls(&mut self) -> Vec<Control> {
        let us = self.exposure_us();
        us.map(|us| Control::int("exposure_us", "Exposure", us, (100, 50_000)))
            .into_iter()
            .collect()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ControlError> {
        match (name, value) {
            ("exposure_us", Value::Int(13)) => Err(ControlError::Refused("no".into())),
            ("exposure_us", Value::Int(us)) => {
                self.fake.0.exposure_us.store(*us, Ordering::SeqCst);
                Ok(())
            }
            _ => Err(ControlError::Unknown(name.into())),
        }
    }
}

impl Bench for Fake {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::new(Uvc::with_webcams(Arc::new(self.clone())))
    }

    fn delivers(&self) -> (bool, bool) {
        (true, false)
    }

    fn plug(&self, present: bool) {
        self.0.present.store(present, Ordering::SeqCst);
    }

    fn lose(&self) -> Option<(DropCause, DropUnit, u64)> {
        self.0.broken.store(5, Ordering::SeqCst);
        Some((DropCause::Malformed, DropUnit::Frames, 5))
    }

    fn is_closed(&self) -> bool {
        let [opened, closed] = [&self.0.opened, &self.0.closed].map(|n| n.load(Ordering::SeqCst));
        opened > 0 && opened == closed
    }
}

pub(super) fn jpeg(size: Size, rgb: [u8; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels: Vec<u8> = rgb.repeat(size.area());
    let (width, height) = (size.width as u32, size.height as u32);
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95)
        .encode(&pixels, width, height, image::ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}
