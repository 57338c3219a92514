//! A simulated video device of the kernel, behind the driver's traits: it knows the calls, their
//! structures and their errors, and can be unplugged, busy, forbidden, incomplete or without a clock.

mod node;

use gem_live::camera::drivers::uvc::v4l2::abi::{self, Format};
use gem_live::camera::drivers::uvc::v4l2::{VideoNode, VideoNodes};
use node::Node;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

/// Frame interval in microseconds.
pub const PERIOD_US: i64 = 5_000;
/// The kernel's time of frame 0, in microseconds.
pub const FIRST_US: i64 = 77_000_000;
/// Bytes after each row of an uncompressed image, which the driver must skip.
pub const PADDING: usize = 16;
pub const NAME: &str = "Camera on a Desk";

const ENODEV: i32 = 19;
const EBUSY: i32 = 16;
const EINVAL: i32 = 22;
const EACCES: i32 = 13;
const EAGAIN: i32 = 11;

fn error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

/// What the driver offers: pixel format, sizes, and frames per second.
pub type Offer = (u32, Vec<[u32; 2]>, Vec<u32>);

/// State of the device, controlled by the test.
pub struct World {
    pub present: bool,
    pub forbidden: bool,
    /// Another program streams.
    pub busy: bool,
    /// Flags of the timestamps.
    pub flags: u32,
    pub driver: &'static str,
    pub has_camera_timestamps: bool,
    /// Frames that the kernel loses next.
    pub lose: u32,
    /// Frames of which parts are lost next.
    pub incomplete: u32,
    pub offers: Vec<Offer>,
    /// Sizes are given as a range up to the first one.
    pub range: bool,
    /// Values of controls.
    pub values: BTreeMap<u32, i32>,
    /// Handles that are open now, and that ever were.
    pub open: u32,
    pub opened: u32,
    format: Format,
    sequence: u32,
    due: Instant,
    buffers: Vec<Arc<Mutex<Vec<u8>>>>,
    queued: VecDeque<u32>,
    streaming: bool,
}

#[derive(Clone)]
pub struct FakeV4l2(Arc<Mutex<World>>);

impl Default for FakeV4l2 {
    fn default() -> Self {
        let zero = bytemuck::Zeroable::zeroed();
        Self(Arc::new(Mutex::new(World {
            present: true,
            forbidden: false,
            busy: false,
            flags: abi::FLAG_MONOTONIC | abi::FLAG_START_OF_EXPOSURE,
            driver: "uvcvideo",
            has_camera_timestamps: false,
            lose: 0,
            incomplete: 0,
            offers: vec![
                (u32::from_le_bytes(*b"NV12"), vec![[32, 16]], vec![30]),
                (abi::YUYV, vec![[32, 16], [16, 8]], vec![30, 15]),
                (abi::GREY, vec![[32, 16]], vec![30]),
            ],
            range: false,
            values: BTreeMap::from([
                (abi::EXPOSURE_AUTO, 3),
                (abi::EXPOSURE_ABSOLUTE, 157),
                (abi::GAIN, 64),
            ]),
            open: 0,
            opened: 0,
            format: zero,
            sequence: 0,
            due: Instant::now(),
            buffers: Vec::new(),
            queued: VecDeque::new(),
            streaming: false,
        })))
    }
}

impl FakeV4l2 {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

impl VideoNodes for FakeV4l2 {
    fn indices(&self) -> Vec<u32> {
        // The second one has the camera's metadata.
        if self.world().present { vec![4, 5] } else { Vec::new() }
    }

    fn name(&self, _: u32) -> Option<String> {
        Some(NAME.into())
    }

    fn open(&self, index: u32) -> io::Result<Box<dyn VideoNode>> {
        let mut world = self.world();
        match (world.present, world.forbidden) {
            (false, _) => Err(error(ENODEV)),
            (_, true) => Err(error(EACCES)),
            _ => {
                world.open += 1;
                world.opened += 1;
                Ok(Box::new(Node { fake: self.clone(), index, owns: Mutex::new(false) }))
            }
        }
    }

    fn has_camera_timestamps(&self) -> bool {
        self.world().has_camera_timestamps
    }
}
