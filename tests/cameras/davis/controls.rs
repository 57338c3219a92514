//! Controls: biases, buffers, and what a chip does not have.

use super::{CHIP, Fake, OPENED, STARTED, collect, connected, settings, wait};
use gem_live::camera::{Status, Value};
use std::time::{Duration, Instant};

#[test]
fn bias_controls_change_biases_and_buffers_are_set_while_the_camera_is_stopped() {
    let Some(fake) = Fake::new() else { return };
    let source = fake.start(settings());
    let Status::Connected(_, controls) = connected(&source) else { unreachable!() };
    for name in ["sensitivity", "bandwidth", "usb_buffers", "usb_buffer_bytes", "generator"] {
        assert!(controls.iter().any(|c| c.name == name), "{name}");
    }
    let biases = || [10, 11, 12, 14, 15].map(|address| fake.register(5, address));
    let defaults = biases();
    let set = |name: &str, value: Value| {
        assert!(source.commands.set(name, value));
        let status = wait(&source, |s| matches!(s, Status::Controls(_) | Status::Refused(_)));
        assert!(matches!(status, Status::Controls(_)), "{name}: {status:?}");
    };
    set("sensitivity", Value::Float(0.5));
    let sensitive = biases();
    assert_eq!(sensitive[0], defaults[0], "the reference bias is unchanged");
    // More sensitive: a smaller current for the ON threshold, a larger one for OFF.
    assert!(sensitive[1] < defaults[1] && sensitive[2] > defaults[2], "{sensitive:x?}");
    assert_eq!(sensitive[3..], defaults[3..]);
    set("sensitivity", Value::Float(0.0));
    assert_eq!(biases(), defaults, "back to the defaults");
    set("bandwidth", Value::Float(1.0));
    assert!(biases()[3] > defaults[3] && biases()[4] > defaults[4]);

    let (before, _) = collect(&source, 3, 0);
    assert_eq!(fake.get(STARTED), 1);
    set("exchange_packets", Value::Enum("2048".into()));
    assert_eq!((fake.register(-2, 0), fake.get(STARTED)), (2048, 2));
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        assert!(Instant::now() < until, "it does not stream again");
        let (packets, _) = collect(&source, 1, 0);
        if packets[0].epoch > before[0].epoch {
            break;
        }
    }
    set("usb_buffers", Value::Int(16));
    assert_eq!((fake.register(-1, 0), fake.get(STARTED)), (16, 2));
}

#[test]
fn only_valid_ring_buffer_sizes_are_offered_and_others_are_rejected() {
    let Some(fake) = Fake::new() else { return };
    let source = fake.start(settings());
    let Status::Connected(_, controls) = connected(&source) else { unreachable!() };
    let control = controls.iter().find(|c| c.name == "exchange_packets").unwrap();
    assert_eq!(control.value, Value::Enum("1024".into()));
    assert!(control.choices.len() > 5, "{:?}", control.choices);
    for (i, choice) in control.choices.iter().enumerate() {
        assert!(source.commands.set("exchange_packets", Value::Enum(choice.clone())));
        wait(&source, |s| matches!(s, Status::Controls(_)));
        assert_eq!(fake.register(-2, 0), choice.parse::<u32>().unwrap());
        assert_eq!(fake.get(STARTED), 2 + i as i64, "stopped and started once: {choice}");
    }
    let (starts, size) = (fake.get(STARTED), fake.register(-2, 0));
    for rejected in [Value::Int(1000), Value::Enum("1000".into()), Value::Enum("x".into())] {
        assert!(source.commands.set("exchange_packets", rejected));
        wait(&source, |s| matches!(s, Status::Refused(_)));
    }
    collect(&source, 3, 0);
    assert_eq!((fake.get(STARTED), fake.register(-2, 0), fake.get(OPENED)), (starts, size, 1));
    // The minimum buffer settings still deliver data.
    for name in ["usb_buffers", "usb_buffer_bytes", "packet_us"] {
        let low = controls.iter().find(|c| c.name == name).and_then(|c| c.range).unwrap().0;
        assert!(low >= 1.0, "{name} from {low}");
    }
}

#[test]
fn bias_addresses_match_the_chip_and_unknown_chips_are_not_touched() {
    // A DAVIS240C: addresses 10 to 16 are the refractory period and the AER handshake.
    let Some(fake) = Fake::new() else { return };
    fake.set(CHIP, 2);
    let source = fake.start(settings());
    connected(&source);
    let all = || (0..32).map(|address| fake.register(5, address)).collect::<Vec<_>>();
    let set = |name: &str, value: Value| {
        assert!(source.commands.set(name, value));
        let status = wait(&source, |s| matches!(s, Status::Controls(_) | Status::Refused(_)));
        assert!(matches!(status, Status::Controls(_)), "{name}: {status:?}");
    };
    let before = all();
    set("sensitivity", Value::Float(0.5));
    set("bandwidth", Value::Float(1.0));
    set("bias_refractory", Value::Int(0x1235));
    let after = all();
    let changed: Vec<usize> = (0..32).filter(|i| before[*i] != after[*i]).collect();
    assert_eq!(changed, [1, 2, 8, 9, 10], "{before:x?} {after:x?}");
    assert!(after[1] < before[1] && after[2] > before[2], "both thresholds decrease");

    // A chip that libcaer does not list.
    let Some(fake) = Fake::new() else { return };
    fake.set(CHIP, 99);
    let source = fake.start(settings());
    let Status::Connected(_, controls) = connected(&source) else { unreachable!() };
    assert!(controls.iter().any(|c| c.name == "exposure_us"));
    let bias =
        |name: &str| name.starts_with("bias") || ["sensitivity", "bandwidth"].contains(&name);
    assert_eq!(controls.iter().find(|c| bias(&c.name)), None);
    let before: Vec<_> = (0..32).map(|address| fake.register(5, address)).collect();
    for (name, value) in [("sensitivity", Value::Float(0.5)), ("bias_on", Value::Int(1))] {
        assert!(source.commands.set(name, value));
        wait(&source, |s| matches!(s, Status::Refused(_)));
    }
    let after: Vec<_> = (0..32).map(|address| fake.register(5, address)).collect();
    assert_eq!(before, after);
}
