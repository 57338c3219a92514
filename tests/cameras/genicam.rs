//! Tests GenICam pixel formats and demosaicing against simple models, and the driver against
//! Aravis's simulated cameras: one in this process, and one behind a network.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::camera::drivers::genicam::mosaic::Pattern;
use gem_live::camera::drivers::genicam::pixels::{Decoder, FORMATS, Layout, Packing, PixelFormat};
use gem_live::image::{ImageU8, Size};
use proptest::prelude::*;

fn format_by_name(name: &str) -> PixelFormat {
    *FORMATS.iter().find(|f| f.name == name).unwrap()
}

/// Colour of the filter at a pixel: 0 red, 1 green, 2 blue.
fn filter_at(pattern: Pattern, x: usize, y: usize) -> usize {
    let tile = match pattern {
        Pattern::Rg => [0, 1, 1, 2],
        Pattern::Gr => [1, 0, 2, 1],
        Pattern::Gb => [1, 2, 0, 1],
        Pattern::Bg => [2, 1, 1, 0],
    };
    tile[y % 2 * 2 + x % 2]
}

const PATTERNS: [Pattern; 4] = [Pattern::Rg, Pattern::Gr, Pattern::Gb, Pattern::Bg];

/// Filter coefficients of the paper's figure 2, which are in eighths, doubled to be integers.
const GREEN: [[i32; 5]; 5] =
    [[0, 0, -2, 0, 0], [0, 0, 4, 0, 0], [-2, 4, 8, 4, -2], [0, 0, 4, 0, 0], [0, 0, -2, 0, 0]];
const IN_ROW: [[i32; 5]; 5] =
    [[0, 0, 1, 0, 0], [0, -2, 0, -2, 0], [-2, 8, 10, 8, -2], [0, -2, 0, -2, 0], [0, 0, 1, 0, 0]];
const ACROSS: [[i32; 5]; 5] =
    [[0, 0, -3, 0, 0], [0, 4, 0, 4, 0], [-3, 0, 12, 0, -3], [0, 4, 0, 4, 0], [0, 0, -3, 0, 0]];

/// Reference model: one colour of one pixel, computed tap by tap with mirrored borders.
fn model(mosaic: &[u8], size: Size, pattern: Pattern, x: usize, y: usize, colour: usize) -> u8 {
    let mirrored = |v: i64, n: usize| {
        let last = n as i64 - 1;
        (if v < 0 {
            -v
        } else if v > last {
            2 * last - v
        } else {
            v
        }) as usize
    };
    let here = filter_at(pattern, x, y);
    let beside = filter_at(pattern, x + 1, y);
    let taps = |row: usize, column: usize| match (here, colour) {
        (h, c) if h == c => i32::from(row == 2 && column == 2) * 16,
        (_, 1) => GREEN[row][column],
        (1, c) if c == beside => IN_ROW[row][column],
        (1, _) => IN_ROW[column][row],
        _ => ACROSS[row][column],
    };
    let mut sum = 0;
    for row in 0..5 {
        for column in 0..5 {
            let at_x = mirrored(x as i64 + column as i64 - 2, size.width);
            let at_y = mirrored(y as i64 + row as i64 - 2, size.height);
            sum += taps(row, column) * i32::from(mosaic[at_y * size.width + at_x]) * 4;
        }
    }
    ((sum + 32) >> 6).clamp(0, 255) as u8
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn demosaicing_matches_the_published_filters(
        (width, height) in (3_usize..24, 3_usize..14),
        which in 0_usize..4,
        seed in any::<u64>(),
    ) {
        let (size, pattern) = (Size::new(width, height), PATTERNS[which]);
        let noise = |i: usize| (seed.wrapping_mul(i as u64 * 2 + 1) >> 37) as u8;
        let mosaic: Vec<u8> = (0..size.area()).map(noise).collect();
        let name = ["BayerRG8", "BayerGR8", "BayerGB8", "BayerBG8"][which];
        let picture = Decoder::default().decode(format_by_name(name), size, 0, &mosaic).unwrap();
        for y in 0..height {
            for x in 0..width {
                // Planes are blue, green, red.
                for colour in 0..3 {
                    let found = picture.data()[(2 - colour) * size.area() + y * width + x];
                    let expected = model(&mosaic, size, pattern, x, y, colour);
                    prop_assert_eq!(found, expected, "{} at {},{} colour {}", name, x, y, colour);
                }
            }
        }
    }
}

#[test]
fn uniform_colours_are_exact_in_every_depth_and_packing() {
    let (size, rgb) = (Size::new(10, 6), [200_u8, 100, 30]);
    for format in FORMATS {
        let Layout::Bayer(pattern) = format.layout else { continue };
        let sample = |x: usize, y: usize| rgb[filter_at(pattern, x, y)];
        let bytes = pack(*format, size, 3, sample);
        let picture = Decoder::default().decode(*format, size, 3, &bytes).unwrap();
        for (plane, expected) in picture.data().chunks(size.area()).zip([30, 100, 200]) {
            assert!(plane.iter().all(|v| *v == expected), "{}: {plane:?}", format.name);
        }
    }
}

#[test]
fn gray_keeps_the_upper_bits_in_every_depth_and_packing() {
    let size = Size::new(9, 5);
    for format in FORMATS.iter().filter(|f| f.layout == Layout::Mono) {
        let value = |x: usize, y: usize| (x * 29 + y * 53) as u8;
        let bytes = pack(*format, size, 0, value);
        let picture = Decoder::default().decode(*format, size, 0, &bytes).unwrap();
        let expected: Vec<u8> = (0..45).map(|i| value(i % 9, i / 9)).collect();
        assert_eq!(picture, ImageU8::new(1, size, expected).unwrap(), "{}", format.name);
    }
}

/// The bytes of an image whose samples have `value` as upper eight bits.
fn pack(
    format: PixelFormat,
    size: Size,
    padding: usize,
    value: impl Fn(usize, usize) -> u8,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for y in 0..size.height {
        let samples = (0..size.width).map(|x| u32::from(value(x, y)));
        let mut row: Vec<u8> = Vec::new();
        match format.packing {
            Packing::Eight => row.extend(samples.map(|v| v as u8)),
            Packing::Wide(bits) => {
                let low = bits - 8;
                samples.for_each(|v| row.extend(((v << low) as u16).to_le_bytes()));
            }
            Packing::Dense(bits) => {
                // One long bit string, lowest bit first.
                let bit = |v: u32, i: u32| (v << (bits - 8)) >> i & 1;
                let all: Vec<u32> =
                    samples.flat_map(|v| (0..bits).map(move |i| bit(v, i))).collect();
                let byte = |b: &[u32]| b.iter().enumerate().map(|(i, v)| v << i).sum::<u32>();
                row.extend(all.chunks(8).map(|b| byte(b) as u8));
            }
            Packing::Three(_) => {
                // The lower bits of both samples are zero.
                for pair in samples.collect::<Vec<_>>().chunks(2) {
                    row.extend([pair[0] as u8, 0]);
                    row.extend(pair.get(1).map(|v| *v as u8));
                }
            }
        }
        assert_eq!(row.len(), format.row_bytes(size.width), "{}", format.name);
        row.extend(vec![0xee; padding]);
        bytes.extend(row);
    }
    bytes
}

#[test]
fn low_bits_of_packed_samples_are_assigned_to_the_right_sample() {
    // GigE Vision: the 12-bit samples 0x801 and 0x7ff share the middle byte for their low bits.
    let size = Size::new(2, 1);
    let mut decoder = Decoder::default();
    let decoded = |d: &mut Decoder, name, bytes: &[u8]| {
        d.decode(format_by_name(name), size, 0, bytes).unwrap().data().to_vec()
    };
    assert_eq!(decoded(&mut decoder, "Mono12Packed", &[0x80, 0xf1, 0x7f]), [0x80, 0x7f]);
    // 0x801 and 0x7ff again, lowest bits first.
    assert_eq!(decoded(&mut decoder, "Mono12p", &[0x01, 0xf8, 0x7f]), [0x80, 0x7f]);
    // The 10-bit samples 0x201 and 0x1ff.
    assert_eq!(decoded(&mut decoder, "Mono10p", &[0x01, 0xfe, 0x07]), [0x80, 0x7f]);
    assert_eq!(decoded(&mut decoder, "Mono10Packed", &[0x80, 0x31, 0x7f]), [0x80, 0x7f]);
}

#[test]
fn every_colour_order_is_decoded_to_blue_green_red_planes() {
    let size = Size::new(2, 1);
    let expected = ImageU8::new(3, size, vec![3, 6, 2, 5, 1, 4]).unwrap();
    let cases: [(&str, &[u8]); 5] = [
        ("RGB8", &[1, 2, 3, 4, 5, 6]),
        ("BGR8", &[3, 2, 1, 6, 5, 4]),
        ("RGBa8", &[1, 2, 3, 9, 4, 5, 6, 9]),
        ("BGRa8", &[3, 2, 1, 9, 6, 5, 4, 9]),
        ("RGB8_Planar", &[1, 4, 2, 5, 3, 6]),
    ];
    for (name, bytes) in cases {
        let picture = Decoder::default().decode(format_by_name(name), size, 0, bytes).unwrap();
        assert_eq!(picture, expected, "{name}");
    }
    // Pure red of JFIF: Y 76, Cb 85, Cr 255.
    for (name, bytes) in [("YUV422_8", [76, 85, 76, 255]), ("YUV422_8_UYVY", [85, 76, 255, 76])] {
        let picture = Decoder::default().decode(format_by_name(name), size, 0, &bytes).unwrap();
        let (rest, red) = picture.data().split_at(4);
        assert!(red.iter().all(|v| *v >= 253) && rest.iter().all(|v| *v <= 1), "{picture:?}");
    }
}

#[test]
fn too_few_bytes_or_pixels_decode_to_none() {
    for format in FORMATS {
        let size = Size::new(6, 4);
        let length = format.row_bytes(6) * if format.layout == Layout::RgbPlanes { 12 } else { 4 };
        let mut decoder = Decoder::default();
        assert!(decoder.decode(*format, size, 0, &vec![7; length]).is_some(), "{}", format.name);
        assert!(decoder.decode(*format, size, 0, &vec![7; length - 1]).is_none());
        assert!(decoder.decode(*format, Size::new(0, 0), 0, &[]).is_none());
        assert!(decoder.decode(*format, Size::new(usize::MAX / 8, 4), 0, &[7; 64]).is_none());
    }
    assert!(
        Decoder::default()
            .decode(format_by_name("BayerRG8"), Size::new(2, 2), 0, &[7; 4])
            .is_none()
    );
}

#[cfg(unix)]
use crate::gige;

#[cfg(unix)]
mod driver {
    use super::gige::{self, CHUNK_LATER_US, PERIOD_US, PULSES_US};
    use gem_live::camera::drivers::genicam::{FAKE_VARIABLE, GenIcam, LIBRARY_VARIABLE};
    use gem_live::camera::{
        CameraStream, DeviceError, DeviceSelector, Driver, DropCause, DropUnit, Drops, FramePacket,
        FrameTiming, Packet, Status, StreamSettings, Value,
    };
    use gem_live::image::Size;
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    /// Environment variable that tells a test that it runs in its own process.
    const INSIDE: &str = "GEM_LIVE_TEST_INSIDE";

    /// Runs a test of this file again in a new process, with Aravis's simulated camera or in a
    /// network namespace of its own. Returns whether the caller is that new process.
    fn inside(test: &str, network: bool) -> bool {
        if std::env::var_os(INSIDE).is_some() {
            return true;
        }
        if let Err(why) = GenIcam::library() {
            println!("skipped: {test}: {why}");
            return false;
        }
        let program = std::env::current_exe().unwrap();
        let arguments = ["--exact", &format!("genicam::driver::{test}"), "--nocapture"];
        let mut command = if network {
            let Some(options) = [["-n"].as_slice(), &["-r", "-n"]].into_iter().find(|options| {
                let attempt =
                    Command::new("unshare").args(*options).args(["sh", "-c", UP]).output();
                attempt.is_ok_and(|o| o.status.success())
            }) else {
                println!("skipped: {test}: no network namespaces, or no iproute2, here");
                return false;
            };
            if Command::new(CAMERA).arg("--help").output().is_err() {
                println!("skipped: {test}: {CAMERA} is not installed (aravis-tools)");
                return false;
            }
            let mut command = Command::new("unshare");
            command
                .args(options)
                .args(["sh", "-c", &format!("{UP} && exec \"$@\""), "sh"])
                .arg(program);
            command
        } else {
            let mut command = Command::new(program);
            command.env(FAKE_VARIABLE, "1");
            command
        };
        let output = command.args(arguments).env(INSIDE, "1").output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("1 passed"), "{text}");
        false
    }

    const UP: &str = "ip link set lo up";
    const CAMERA: &str = "arv-fake-gv-camera-0.8";

    /// A simulated network camera, which disconnects when dropped.
    struct Plugged(Child);

    impl Plugged {
        fn new(arguments: &[&str]) -> Self {
            let mut command = Command::new(CAMERA);
            command.args(["-i", "127.0.0.1", "-s", "FAKE1"]).args(arguments);
            Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
        }
    }

    impl Drop for Plugged {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    fn start(serial: Option<&str>) -> CameraStream {
        let settings =
            StreamSettings { retry: Duration::from_millis(100), ..StreamSettings::default() };
        let wanted = DeviceSelector::new(serial.map(str::to_owned));
        let opener = Arc::new(GenIcam::default());
        CameraStream::start("genicam", opener, wanted, settings, Drops::default()).unwrap()
    }

    fn wait(source: &CameraStream, matches: impl Fn(&Status) -> bool) -> Status {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let status = source.status.recv_timeout(left).unwrap();
            if matches(&status) {
                return status;
            }
        }
    }

    fn frame(source: &CameraStream) -> FramePacket {
        match source.packets.recv_timeout(Duration::from_secs(20)).unwrap() {
            Packet::Frame(frame) => frame,
            Packet::Events(_) => panic!("events from a frame camera"),
        }
    }

    /// The next frame that `matches`.
    fn frame_that(source: &CameraStream, matches: impl Fn(&FramePacket) -> bool) -> FramePacket {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let frame = frame(source);
            if matches(&frame) {
                return frame;
            }
            assert!(Instant::now() < until, "no such frame; the last one was {:?}", frame.timing);
        }
    }

    fn set(source: &CameraStream, name: &str, value: Value) {
        assert!(source.commands.set(name, value));
        let status = wait(source, |s| matches!(s, Status::Controls(_) | Status::Refused(_)));
        assert!(matches!(status, Status::Controls(_)), "{name}: {status:?}");
    }

    fn choice(text: &str) -> Value {
        Value::Enum(text.into())
    }

    /// Checks what every simulated Aravis camera supports.
    fn check_camera(source: &CameraStream, serial: &str) {
        let Status::Connected(identity, controls) =
            wait(source, |s| matches!(s, Status::Connected(..)))
        else {
            unreachable!()
        };
        assert_eq!(identity.serial, serial);
        assert!(identity.model.contains("Aravis"), "{identity:?}");
        let control = |name: &str| controls.iter().find(|c| c.name == name).unwrap();
        assert_eq!(control("exposure_us").value, Value::Int(10_000));
        assert!(control("pixel_format").choices.contains(&"BayerRG8".to_owned()));
        assert!(control("trigger").choices.len() >= 2);

        let frames: Vec<FramePacket> = (0..4).map(|_| frame(source)).collect();
        for pair in frames.windows(2) {
            assert_eq!((pair[0].epoch, pair[0].sequence + 1), (pair[1].epoch, pair[1].sequence));
            let start = |f: &FramePacket| match f.timing {
                FrameTiming::Frames { start, exposure_us } => {
                    assert_eq!(exposure_us, 10_000);
                    start
                }
                _ => panic!("no timestamp"),
            };
            let between_us = start(&pair[1]).since_us(start(&pair[0]));
            assert!((1..5_000_000).contains(&between_us), "{between_us} us between two frames");
        }
        // A ramp: each pixel is its left neighbour plus one, except where it wraps.
        let picture = &frames[0].picture;
        assert_eq!(picture.channels(), 1);
        let size = picture.size();
        let follows = |w: &[u8]| w[1] == w[0].wrapping_add(1) || w[1] <= 1;
        assert!(picture.data().chunks(size.width).all(|row| row.windows(2).all(follows)));

        set(source, "exposure_us", Value::Int(5_000));
        let span_us = |f: &FramePacket| match f.timing {
            FrameTiming::Frames { exposure_us, .. } => exposure_us,
            _ => 0,
        };
        frame_that(source, |f| span_us(f) == 5_000);
        set(source, "width", Value::Int(256));
        set(source, "height", Value::Int(128));
        let small = frame_that(source, |f| f.picture.size() == Size::new(256, 128));
        assert!(small.sequence > frames[3].sequence, "frame numbers continue");
        for format in ["BayerRG8", "BayerBG8", "RGB8"] {
            set(source, "pixel_format", choice(format));
            frame_that(source, |f| f.picture.channels() == 3);
            set(source, "pixel_format", choice("Mono8"));
            frame_that(source, |f| f.picture.channels() == 1);
        }
        assert!(source.commands.set("pixel_format", choice("Nonsense")));
        wait(source, |s| matches!(s, Status::Refused(_)));
        assert!(source.commands.set("exposure_us", Value::Int(i64::MAX)));
        wait(source, |s| matches!(s, Status::Refused(_)));
        frame(source);
    }

    #[test]
    fn missing_library_is_reported_with_the_packages_to_install() {
        let test = "genicam::driver::missing_library_is_reported_with_the_packages_to_install";
        if std::env::var_os(INSIDE).is_none() {
            // In a process of its own, because a library stays loaded.
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", test]).env(INSIDE, "1");
            let output = command.env(LIBRARY_VARIABLE, "/nonexistent.so").output().unwrap();
            assert!(output.status.success(), "{output:?}");
            return;
        }
        let opened = GenIcam::default().open(&DeviceSelector::default(), &Drops::default());
        let Err(DeviceError::Unusable(why)) = opened else { panic!("opened without a library") };
        for part in
            ["libaravis-0.8-0", "Debian", "Fedora", "Arch", LIBRARY_VARIABLE, "/nonexistent"]
        {
            assert!(why.contains(part), "{part}: {why}");
        }
        assert!(GenIcam::list().is_err_and(|e| e.to_string() == why));
    }

    #[test]
    fn simulated_camera_in_this_process_is_listed_and_works() {
        if !inside("simulated_camera_in_this_process_is_listed_and_works", false) {
            return;
        }
        let found = GenIcam::list().unwrap();
        let fake = found.iter().find(|f| f.protocol == "Fake").unwrap();
        let mut source = start(Some(&fake.identity.serial));
        check_camera(&source, &fake.identity.serial);
        assert!(source.stop());
    }

    #[test]
    fn network_camera_works() {
        if !inside("network_camera_works", true) {
            return;
        }
        let _camera = Plugged::new(&[]);
        let mut source = start(None);
        check_camera(&source, "FAKE1");
        set(&source, "binning_x", Value::Int(2));
        // A camera that waits for a trigger is silent but not lost.
        set(&source, "trigger", choice("edge begins exposure"));
        while source.packets.recv_timeout(Duration::from_millis(700)).is_ok() {}
        assert!(source.status.try_iter().all(|s| !matches!(s, Status::Lost(_))));
        set(&source, "trigger", choice("off"));
        frame(&source);
        assert!(source.stop());
        let lost = source.drops.snapshot();
        assert!(lost.iter().all(|d| d.unit == DropUnit::Frames), "{lost:?}");
    }

    #[test]
    fn disconnected_camera_is_reconnected_by_serial_number() {
        if !inside("disconnected_camera_is_reconnected_by_serial_number", true) {
            return;
        }
        let source = start(None);
        let Status::Waiting { serial: None, why } =
            wait(&source, |s| matches!(s, Status::Waiting { .. }))
        else {
            panic!()
        };
        assert!(why.contains("udev") && why.contains("subnet"), "{why}");
        let camera = Plugged::new(&[]);
        wait(&source, |s| matches!(s, Status::Connected(..)));
        let before = frame(&source);
        set(&source, "width", Value::Int(320));
        drop(camera);
        wait(&source, |s| matches!(s, Status::Lost(_)));
        let waiting = wait(&source, |s| matches!(s, Status::Waiting { .. }));
        let Status::Waiting { serial, why } = waiting else { unreachable!() };
        assert_eq!(serial.as_deref(), Some("FAKE1"));
        assert!(why.contains("FAKE1"), "{why}");
        while source.packets.try_recv().is_ok() {}
        let _camera = Plugged::new(&[]);
        wait(&source, |s| matches!(s, Status::Connected(..)));
        let after = frame_that(&source, |f| f.epoch > before.epoch);
        assert_eq!(after.picture.size().width, 320, "settings are restored");
    }

    #[test]
    fn frames_lost_by_the_network_are_counted() {
        if !inside("frames_lost_by_the_network_are_counted", true) {
            return;
        }
        // One packet in a hundred is lost; a frame has about three hundred.
        let _camera = Plugged::new(&["-r", "10"]);
        let mut source = start(None);
        wait(&source, |s| matches!(s, Status::Connected(..)));
        let until = Instant::now() + Duration::from_secs(20);
        while source.drops.get(DropCause::Usb, DropUnit::Frames) < 3 {
            assert!(Instant::now() < until, "{:?}", source.drops.snapshot());
            let _ = source.packets.recv_timeout(Duration::from_millis(50));
        }
        assert!(source.stop());
    }

    #[test]
    fn chunks_hold_the_exposure_start_and_the_pulse_width() {
        if !inside("chunks_hold_the_exposure_start_and_the_pulse_width", true) {
            return;
        }
        let camera = gige::Camera::plug_in();
        let mut source = start(Some(gige::SERIAL));
        let Status::Connected(_, controls) = wait(&source, |s| matches!(s, Status::Connected(..)))
        else {
            unreachable!()
        };
        let trigger = controls.iter().find(|c| c.name == "trigger").unwrap();
        assert_eq!(trigger.choices.len(), 3, "{trigger:?}");
        let times = |frame: &FramePacket| match frame.timing {
            FrameTiming::Frames { start, exposure_us } => (start.us(), exposure_us),
            _ => panic!("no timestamp"),
        };
        // Every pixel holds the frame number.
        let number = |frame: &FramePacket| i64::from(frame.picture.data()[7]);
        for _ in 0..3 {
            let frame = frame(&source);
            let (start_us, exposure_us) = times(&frame);
            assert_eq!(
                start_us % PERIOD_US,
                CHUNK_LATER_US,
                "the chunk's timestamp is used, not the leader's"
            );
            assert_eq!(
                start_us / PERIOD_US % 256,
                number(&frame),
                "the chunk belongs to its frame"
            );
            assert_eq!(exposure_us, 10_000);
        }

        set(&source, "trigger", choice("pulse is exposure"));
        assert_eq!(camera.modes(), (true, true));
        let first = frame_that(&source, |f| times(f).1 != 10_000);
        for frame in [first, frame(&source), frame(&source), frame(&source)] {
            let pulse_us = PULSES_US[number(&frame) as usize % 2];
            assert_eq!(times(&frame).1, pulse_us, "every frame has the width of its own pulse");
        }

        set(&source, "trigger", choice("edge begins exposure"));
        assert_eq!(camera.modes(), (false, true));
        frame_that(&source, |f| times(f).1 == 10_000);
        set(&source, "trigger", choice("off"));
        assert_eq!(camera.modes(), (false, false));
        assert!(source.stop());
        assert_eq!(source.drops.get(DropCause::Malformed, DropUnit::Frames), 0);
    }

    /// Our own network camera.
    struct Network(std::sync::Mutex<Option<gige::Camera>>);

    impl crate::conformance::Bench for Network {
        fn driver(&self) -> Arc<dyn Driver> {
            Arc::new(GenIcam::default())
        }

        fn delivers(&self) -> (bool, bool) {
            (true, false)
        }

        fn plug(&self, present: bool) {
            let mut camera = self.0.lock().unwrap();
            // The old one must have left its port before.
            *camera = None;
            *camera = present.then(gige::Camera::plug_in);
        }

        fn lose(&self) -> Option<(DropCause, DropUnit, u64)> {
            self.0.lock().unwrap().as_ref().unwrap().lose(6);
            Some((DropCause::Usb, DropUnit::Frames, 6))
        }

        fn is_closed(&self) -> bool {
            self.0.lock().unwrap().as_ref().unwrap().is_released()
        }
    }

    #[test]
    fn network_camera_conforms() {
        if !inside("network_camera_conforms", true) {
            return;
        }
        crate::conformance::conforms(&Network(std::sync::Mutex::new(None)));
    }

    /// Aravis's camera in this process, which is always there and loses nothing.
    struct InProcess(Arc<crate::conformance::Cable<GenIcam>>);

    impl crate::conformance::Bench for InProcess {
        fn driver(&self) -> Arc<dyn Driver> {
            self.0.clone()
        }

        fn delivers(&self) -> (bool, bool) {
            (true, false)
        }

        fn plug(&self, present: bool) {
            self.0.plug(present);
        }

        fn lose(&self) -> Option<(DropCause, DropUnit, u64)> {
            None
        }

        fn is_closed(&self) -> bool {
            self.0.is_closed()
        }
    }

    #[test]
    fn simulated_camera_in_this_process_conforms() {
        if !inside("simulated_camera_in_this_process_conforms", false) {
            return;
        }
        let camera = crate::conformance::Cable::new(GenIcam::default());
        crate::conformance::conforms(&InProcess(Arc::new(camera)));
    }
}
