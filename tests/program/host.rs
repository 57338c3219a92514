//! Tests the check of what a computer lacks for its cameras, with file trees made for the tests.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use gem_live::camera::host_check::{Access, Host, UsbKind};
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

fn write_file(root: &Path, file: &str, text: &str) {
    let file = root.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, format!("{text}\n")).unwrap();
}

/// Writes a USB device with one interface of a class.
fn device(root: &Path, port: &str, attributes: &[(&str, &str)], class: [&str; 3]) {
    let at = format!("sys/bus/usb/devices/{port}");
    for (name, text) in attributes {
        write_file(root, &format!("{at}/{name}"), text);
    }
    let names = ["bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"];
    for (name, text) in names.iter().zip(class) {
        write_file(root, &format!("{at}/{port}:1.0/{name}"), text);
    }
}

fn computer(root: &Path) {
    let davis = [
        ("idVendor", "152a"),
        ("manufacturer", "iniVation"),
        ("product", "DAVIS346"),
        ("serial", "00000123"),
        ("busnum", "2"),
        ("devnum", "7"),
        ("speed", "5000"),
    ];
    device(root, "2-1", &davis, ["ff", "00", "00"]);
    let flir = [
        ("idVendor", "1e10"),
        ("product", "Blackfly S BFS-U3-32S4C"),
        ("serial", "0159F411"),
        ("busnum", "1"),
        ("devnum", "12"),
        ("speed", "480"),
    ];
    device(root, "1-3", &flir, ["ef", "05", "00"]);
    let webcam = [("idVendor", "046d"), ("busnum", "1"), ("devnum", "4"), ("speed", "480")];
    device(root, "1-4", &webcam, ["0e", "01", "00"]);
    write_file(root, "sys/bus/usb/devices/1-4/1-4:1.0/video4linux/video2/name", "Webcam");
    let keyboard = [("idVendor", "046d"), ("busnum", "1"), ("devnum", "5")];
    device(root, "1-5", &keyboard, ["03", "01", "01"]);
    write_file(root, "sys/module/usbcore/parameters/usbfs_memory_mb", "16");
    write_file(root, "etc/udev/rules.d/10-other.rules", "# 152a is mentioned, but in a comment");
}

#[test]
fn cameras_are_detected_by_vendor_and_by_interface() {
    let folder = tempfile::tempdir().unwrap();
    computer(folder.path());
    let open_node = |node: &Path| match node.ends_with("dev/bus/usb/001/012") {
        true => Err(Error::from(ErrorKind::PermissionDenied)),
        false if node.ends_with("dev/video2") => Err(Error::from(ErrorKind::NotFound)),
        false => Ok(()),
    };
    let cameras = Host::at(folder.path(), &open_node).usb_cameras();
    let seen: Vec<_> = cameras.iter().map(|c| (c.kind, c.access.clone())).collect();
    assert_eq!(
        seen,
        [
            (UsbKind::Vision, Access::Denied),
            (UsbKind::Web, Access::NoNode),
            (UsbKind::Event, Access::Granted)
        ]
    );
    assert_eq!(
        (cameras[2].name.as_str(), cameras[2].serial.as_str()),
        ("iniVation DAVIS346", "00000123")
    );
    assert_eq!(cameras[1].name, "camera 046d");
    assert_eq!(cameras[0].speed_mbit, 480);
}

#[test]
fn every_problem_is_reported_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    computer(folder.path());
    let deny_all = |_: &Path| Err(Error::from(ErrorKind::PermissionDenied));
    let host = Host::at(folder.path(), &deny_all);
    assert_eq!((host.rule(), host.usbfs_memory_mb()), (None, Some(16)));
    let missing = host.missing();
    let assert_one = |words: &[&str]| {
        let fits = |line: &&String| words.iter().all(|word| line.contains(word));
        assert_eq!(missing.iter().filter(fits).count(), 1, "{words:?} in {missing:#?}");
    };
    assert_one(&["DAVIS346", "no permission", "002/007", "65-gem-live.rules"]);
    assert_one(&["Blackfly", "no permission", "65-gem-live.rules"]);
    // The remedy needs nothing of the sources.
    assert_one(&["DAVIS346", "gem-live devices --udev-rule | sudo tee /etc/udev/rules.d/"]);
    assert!(missing.iter().all(|line| !line.contains("assets/")));
    assert_one(&["Blackfly", "480 Mbit/s"]);
    assert_one(&["046d", "no permission", "dev/video2", "group video"]);
    assert_one(&["usbfs_memory_mb is 16", "echo 1000"]);
    assert_eq!(missing.len(), 5);
    assert!(missing.iter().all(|line| !line.contains("firmware")));

    // With the program's udev rule installed, the advice differs.
    let rule = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/udev/65-gem-live.rules");
    fs::copy(rule, folder.path().join("etc/udev/rules.d/65-gem-live.rules")).unwrap();
    assert!(host.rule().unwrap().ends_with("65-gem-live.rules"));
    let missing = host.missing();
    assert!(
        missing.iter().any(|l| l.contains("DAVIS346") && l.contains("plug the camera in again"))
    );
}

#[test]
fn prophesees_cameras_are_distinguished_from_other_devices_with_the_same_chip() {
    let folder = tempfile::tempdir().unwrap();
    let chip = [("idVendor", "04b4"), ("idProduct", "00f5"), ("busnum", "1"), ("devnum", "2")];
    let evk4 = [("manufacturer", "Prophesee"), ("product", "EVK4"), ("speed", "480")];
    device(folder.path(), "1-1", &[&chip[..], &evk4].concat(), ["ff", "00", "00"]);
    let board = [("manufacturer", "Somebody"), ("product", "Board")];
    device(folder.path(), "1-2", &[&chip[..], &board].concat(), ["ff", "00", "00"]);
    let silky = [("idVendor", "31f7"), ("idProduct", "0003"), ("busnum", "1"), ("devnum", "3")];
    device(folder.path(), "1-3", &silky, ["ff", "00", "00"]);
    let deny_all = |_: &Path| Err(Error::from(ErrorKind::PermissionDenied));
    let host = Host::at(folder.path(), &deny_all);
    let kinds: Vec<UsbKind> = host.usb_cameras().iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [UsbKind::Prophesee; 2]);
    let missing = host.missing();
    assert!(missing.iter().any(|l| l.contains("EVK4") && l.contains("480 Mbit/s")), "{missing:?}");

    // The rule of an earlier version is no help to them, the present one is.
    let old = "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"152a\", TAG+=\"uaccess\"";
    write_file(folder.path(), "etc/udev/rules.d/65-gem-live.rules", old);
    assert!(host.rule().is_some() && host.rule_for_prophesee().is_none());
    let advises =
        |part: &str| host.missing().iter().all(|l| !l.contains("no perm") || l.contains(part));
    assert!(advises("install the udev rule"));
    let rule = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/udev/65-gem-live.rules");
    fs::copy(rule, folder.path().join("etc/udev/rules.d/65-gem-live.rules")).unwrap();
    assert!(advises("plug the camera in again"));
}

#[test]
fn a_webcam_needs_its_video_device_and_not_its_usb_node() {
    let folder = tempfile::tempdir().unwrap();
    let webcam = [("idVendor", "046d"), ("busnum", "1"), ("devnum", "4")];
    device(folder.path(), "1-4", &webcam, ["0e", "01", "00"]);
    let without_usb = |node: &Path| match node.ends_with("dev/video2") {
        true => Ok(()),
        false if node.ends_with("dev/video*") => Err(Error::from(ErrorKind::NotFound)),
        false => Err(Error::from(ErrorKind::PermissionDenied)),
    };
    let host = Host::at(folder.path(), &without_usb);
    let missing = host.missing();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].contains("dev/video*") && missing[0].contains("modprobe uvcvideo"));
    let video = "sys/bus/usb/devices/1-4/1-4:1.0/video4linux/video2/name";
    write_file(folder.path(), video, "Webcam");
    // The second one of the same camera, which sends no images.
    write_file(folder.path(), &video.replace("video2", "video10"), "Webcam");
    assert_eq!(host.missing(), Vec::<String>::new());
}

#[test]
fn a_rule_for_event_cameras_alone_is_no_help_to_a_usb3_vision_camera() {
    let folder = tempfile::tempdir().unwrap();
    let flir = [("idVendor", "1e10"), ("busnum", "1"), ("devnum", "12"), ("speed", "5000")];
    device(folder.path(), "1-3", &flir, ["ef", "05", "00"]);
    let libcaer = "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"152a\", TAG+=\"uaccess\"";
    write_file(folder.path(), "usr/lib/udev/rules.d/65-inivation.rules", libcaer);
    let deny_all = |_: &Path| Err(Error::from(ErrorKind::PermissionDenied));
    let host = Host::at(folder.path(), &deny_all);
    assert!(host.missing()[0].contains("install the udev rule"), "{:?}", host.missing());
    let rule = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/udev/65-gem-live.rules");
    fs::copy(rule, folder.path().join("usr/lib/udev/rules.d/65-gem-live.rules")).unwrap();
    assert!(host.missing()[0].contains("65-gem-live.rules is installed"), "{:?}", host.missing());
}

#[test]
fn complete_computer_has_no_problems() {
    let folder = tempfile::tempdir().unwrap();
    let allow_all = |_: &Path| Ok(());
    let host = Host::at(folder.path(), &allow_all);
    assert!(host.usb_cameras().is_empty() && host.missing().is_empty());
    assert_eq!(host.usbfs_memory_mb(), None);
    computer(folder.path());
    write_file(folder.path(), "sys/module/usbcore/parameters/usbfs_memory_mb", "1000");
    write_file(folder.path(), "sys/bus/usb/devices/1-3/speed", "5000");
    assert_eq!(host.missing(), Vec::<String>::new());
}
