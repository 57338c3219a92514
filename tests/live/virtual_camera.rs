//! A virtual camera, with a stand-in for the device: what programs would see, and every refusal.

use gem_live::camera::drivers::uvc::v4l2::abi::{self, Capability, Format, Request};
use gem_live::camera::drivers::uvc::v4l2::{OutputError, OutputNode, VideoOutput};
use gem_live::exposure::Exposure;
use gem_live::image::{ImageU8, Size};
use gem_live::live::serve::VirtualCamera;
use gem_live::live::{FrameOutput, LiveFrame, RestoredFrame};
use gem_live::time::TimeRange;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const EBUSY: i32 = 16;
const EINVAL: i32 = 22;
const ENODEV: i32 = 19;
const SIZE: Size = Size::new(6, 4);

/// State of the device.
struct World {
    capabilities: u32,
    formats: Vec<u32>,
    /// Another program reads it, so that its format is fixed.
    is_read: bool,
    is_gone: bool,
    /// The format that was set: width, height, and code.
    set: Option<(u32, u32, u32)>,
    written: Vec<Vec<u8>>,
}

#[derive(Clone)]
struct Loopback(Arc<Mutex<World>>);

impl Default for Loopback {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(World {
            capabilities: abi::CAP_OUTPUT,
            formats: vec![abi::YUYV, abi::RGB24],
            is_read: false,
            is_gone: false,
            set: None,
            written: Vec::new(),
        })))
    }
}

impl Loopback {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    fn open(&self) -> Result<VideoOutput, OutputError> {
        VideoOutput::with_node(Box::new(self.clone()), "/dev/video9".into())
    }
}

impl OutputNode for Loopback {
    fn call(&self, request: Request, argument: &mut [u8]) -> io::Result<()> {
        let mut world = self.world();
        assert_eq!(argument.len(), request.opcode_and_size().1, "{request:?}");
        match request {
            Request::QueryCapability => {
                let capability: &mut Capability = bytemuck::from_bytes_mut(argument);
                capability.capabilities = abi::CAP_DEVICE_CAPS | abi::CAP_CAPTURE;
                capability.device_caps = world.capabilities;
                capability.card[..4].copy_from_slice(b"Desk");
            }
            Request::SetFormat => {
                let format: &mut Format = bytemuck::from_bytes_mut(argument);
                assert_eq!((format.kind, format.field), (abi::OUTPUT, abi::FIELD_NONE));
                if world.is_read {
                    return Err(io::Error::from_raw_os_error(EBUSY));
                }
                if !world.formats.contains(&format.pixelformat) {
                    return Err(io::Error::from_raw_os_error(EINVAL));
                }
                let pixel_bytes = if format.pixelformat == abi::YUYV { 2 } else { 3 };
                format.bytesperline = pixel_bytes * format.width;
                format.sizeimage = format.bytesperline * format.height;
                world.set = Some((format.width, format.height, format.pixelformat));
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    fn write(&mut self, picture: &[u8]) -> io::Result<()> {
        let mut world = self.world();
        if world.is_gone {
            return Err(io::Error::from_raw_os_error(ENODEV));
        }
        world.written.push(picture.to_vec());
        Ok(())
    }
}

/// One gray level everywhere.
fn picture(size: Size, level: u8) -> ImageU8 {
    ImageU8::filled(true, size, level)
}

/// Brightness in the limited range of BT.601, with the rounding that YUYV is written with.
fn luma(level: u32) -> u8 {
    16 + ((220 * level + 128) >> 8) as u8
}

#[test]
fn pictures_arrive_in_the_format_that_the_device_takes() {
    let device = Loopback::default();
    let mut output = device.open().unwrap();
    assert!(output.show(&picture(SIZE, 100)).unwrap());
    assert_eq!(device.world().set, Some((6, 4, abi::YUYV)));
    assert_eq!(device.world().written[0], [luma(100), 128].repeat(24));

    let rgb = Loopback::default();
    rgb.world().formats = vec![abi::RGB24];
    let blue = ImageU8::new(3, Size::new(1, 2), vec![200, 201, 10, 11, 20, 21]).unwrap();
    assert!(rgb.open().unwrap().show(&blue).unwrap());
    assert_eq!(rgb.world().written[0], [20, 10, 200, 21, 11, 201]);
}

#[test]
fn a_new_size_is_set_or_fitted_while_another_program_reads() {
    let device = Loopback::default();
    let mut output = device.open().unwrap();
    output.show(&picture(SIZE, 10)).unwrap();
    output.show(&picture(Size::new(8, 2), 10)).unwrap();
    assert_eq!(device.world().set, Some((8, 2, abi::YUYV)));
    device.world().is_read = true;
    output.show(&picture(Size::new(2, 2), 10)).unwrap();
    let world = device.world();
    assert_eq!(world.set, Some((8, 2, abi::YUYV)));
    let (black, inner) = ([16, 128].repeat(3), [luma(10), 128].repeat(2));
    let row = [black.clone(), inner, black].concat();
    assert_eq!(world.written[2], row.repeat(2));
}

#[test]
fn every_refusal_says_what_to_do() {
    let why = |result: Result<VideoOutput, OutputError>| result.map(drop).unwrap_err().to_string();
    let missing = why(VideoOutput::open(Path::new("/dev/video-of-nobody")));
    for part in ["does not exist", "Debian", "Fedora", "Arch", "modprobe v4l2loopback"] {
        assert!(missing.contains(part), "{part}: {missing}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(why(VideoOutput::open(file.path())).contains("is not a video device"));
    let camera = Loopback::default();
    camera.world().capabilities = abi::CAP_CAPTURE | abi::CAP_STREAMING;
    let text = why(camera.open());
    assert!(text.contains("(Desk) is a camera") && text.contains("modprobe"), "{text}");

    let busy = Loopback::default();
    busy.world().is_read = true;
    let text = busy.open().unwrap().show(&picture(SIZE, 1)).unwrap_err().to_string();
    assert!(text.contains("/dev/video9 is used by another program"), "{text}");
    let strange = Loopback::default();
    strange.world().formats.clear();
    let text = strange.open().unwrap().show(&picture(SIZE, 1)).unwrap_err().to_string();
    assert!(text.contains("neither YUYV nor RGB24 pictures of 6x4"), "{text}");

    let live = ["live", "--headless", "--virtual-camera", "/dev/video-of-nobody"];
    let output = Command::new(env!("CARGO_BIN_EXE_gem-live")).args(live).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("modprobe v4l2loopback"), "{text}");
}

fn frame(restored: Vec<ImageU8>) -> RestoredFrame {
    let exposure = Exposure {
        frame: picture(SIZE, 50).into(),
        span: TimeRange::new(0.0, 1000.0),
        events: Vec::new().into(),
        sensor: SIZE,
    };
    let captured = Arc::new(LiveFrame::new(0, exposure));
    RestoredFrame::new(captured, vec![0.5; restored.len()], restored)
}

#[test]
fn restored_frames_are_shown_and_a_device_that_goes_is_reported() {
    let device = Loopback::default();
    let camera = VirtualCamera::start(device.open().unwrap()).unwrap();
    let mut handled = 0;
    let mut shown = |restored: Vec<ImageU8>| {
        camera.put(&frame(restored));
        let start = Instant::now();
        handled += 1;
        loop {
            let now = camera.status()[0].clone();
            if now.sent + now.dropped == handled {
                return now;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{now:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    shown(vec![picture(SIZE, 90), picture(SIZE, 91)]);
    let status = shown(Vec::new());
    assert_eq!((status.sent, status.dropped, status.fault), (2, 0, None));
    let written = device.world().written.clone();
    assert_eq!(written, [[luma(90), 128].repeat(24), [luma(50), 128].repeat(24)]);
    device.world().is_gone = true;
    let status = shown(vec![picture(SIZE, 9)]);
    assert_eq!(status.dropped, 1);
    assert!(status.fault.unwrap().starts_with("/dev/video9: "));
    device.world().is_gone = false;
    assert_eq!(shown(vec![picture(SIZE, 9)]).fault, None);
}
