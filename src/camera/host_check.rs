//! Checks what this computer lacks for its cameras, from `/sys`, `/dev` and `/etc` of Linux.

use crate::program;
use std::fs;
use std::path::{Path, PathBuf};

/// USB vendor number of iniVation, the maker of the DAVIS cameras.
const INIVATION: &str = "152a";
/// USB vendor and product numbers of cameras with a sensor of Prophesee: SilkyEvCam and IDS uEye.
const PROPHESEE: [(&str, &str); 4] =
    [("31f7", "0002"), ("31f7", "0003"), ("31f7", "0004"), ("1409", "8e00")];
/// Those of the EVK3 and EVK4. Cypress gives them to every maker of devices with its USB chip, so the
/// name of the manufacturer must match too.
const CYPRESS: [(&str, &str); 2] = [("04b4", "00f4"), ("04b4", "00f5")];
/// Class, subclass and protocol of a USB3 Vision interface, from the USB3 Vision standard.
const USB3_VISION: [&str; 3] = ["ef", "05", "00"];
/// Class of a USB video interface, from the USB standard.
const USB_VIDEO: &str = "0e";
/// Transfer memory in MiB below which a camera of 3 megapixels loses frames: ten buffers of
/// 4 MiB, and as much again for what libusb keeps in flight.
const MIN_USBFS_MB: u32 = 80;
/// Transfer memory that manufacturers of such cameras recommend, in MiB.
const RECOMMENDED_USBFS_MB: u32 = 1000;

/// The udev rule that lets local users open event cameras and USB3 Vision cameras.
pub const UDEV_RULE: &str = include_str!("../../assets/udev/65-gem-live.rules");

/// The command that installs [`UDEV_RULE`]; it needs nothing but this program.
pub fn udev_command() -> String {
    format!(
        "{} devices --udev-rule | sudo tee /etc/udev/rules.d/65-gem-live.rules >/dev/null && sudo \
         udevadm control --reload-rules && sudo udevadm trigger",
        program::command()
    )
}

/// The kind of a USB camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsbKind {
    /// A DAVIS or another iniVation event camera.
    Event,
    /// An event camera with a sensor of Prophesee.
    Prophesee,
    /// A USB3 Vision camera.
    Vision,
    /// A webcam.
    Web,
}

/// Whether a camera's device node can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It can.
    Granted,
    /// Permission is denied: a udev rule is missing.
    Denied,
    /// The node does not exist, for example in a container without access to it.
    NoNode,
}

/// A USB camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbCamera {
    /// Kind of camera.
    pub kind: UsbKind,
    /// Manufacturer and product names, as the device reports them.
    pub name: String,
    /// Serial number, empty if the device reports none.
    pub serial: String,
    /// Link speed in Mbit/s: 5000 on USB 3, 480 on USB 2.
    pub speed_mbit: u32,
    /// Its device node: below `/dev/bus/usb`, or the first video device of a webcam.
    pub node: PathBuf,
    /// Whether the node can be opened.
    pub access: Access,
}

/// Whether a device with the identifiers of [`CYPRESS`] is an EVK3 or EVK4, by the names of its
/// manufacturer and product.
pub(crate) fn is_evk<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    let known = |name: &str| {
        name.contains("Prophesee") || name.starts_with("EVK3") || name.starts_with("EVK4")
    };
    names.any(known)
}

/// A computer, described by its file system.
pub struct Host<'a> {
    root: PathBuf,
    opens: &'a dyn Fn(&Path) -> std::io::Result<()>,
}

/// Opens a file for reading and writing.
fn open(node: &Path) -> std::io::Result<()> {
    fs::OpenOptions::new().read(true).write(true).open(node).map(|_| ())
}

impl Host<'static> {
    /// This computer.
    pub fn this() -> Self {
        Self::at("/", &open)
    }
}

impl<'a> Host<'a> {
    /// A computer whose file system begins at `root`; `opens` tries to open a device node.
    pub fn at(root: impl Into<PathBuf>, opens: &'a dyn Fn(&Path) -> std::io::Result<()>) -> Self {
        Self { root: root.into(), opens }
    }

    /// The USB cameras; empty if there is no `/sys` tree.
    pub fn usb_cameras(&self) -> Vec<UsbCamera> {
        let devices = entries(&self.root.join("sys/bus/usb/devices"));
        devices.iter().filter_map(|device| self.usb_camera(device)).collect()
    }

    fn usb_camera(&self, device: &Path) -> Option<UsbCamera> {
        let read = |name: &str| read_trimmed(&device.join(name));
        let vendor = read("idVendor")?;
        let parts = [read("manufacturer"), read("product")];
        let product = read("idProduct").unwrap_or_default();
        let ids = (vendor.as_str(), product.as_str());
        let by_prophesee = || is_evk(parts.iter().flatten().map(String::as_str));
        let kind = if vendor == INIVATION {
            UsbKind::Event
        } else if PROPHESEE.contains(&ids) || CYPRESS.contains(&ids) && by_prophesee() {
            UsbKind::Prophesee
        } else {
            kind_of(device)?
        };
        let name: Vec<String> = parts.into_iter().flatten().filter(|p| !p.is_empty()).collect();
        let number = |name: &str| read(name)?.parse::<u32>().ok();
        let node = format!("dev/bus/usb/{:03}/{:03}", number("busnum")?, number("devnum")?);
        // Webcams are used through the kernel's driver, and their USB node may belong to root.
        let node = if kind == UsbKind::Web { video_node(device) } else { node };
        let node = self.root.join(node);
        let access = match (self.opens)(&node) {
            Ok(()) => Access::Granted,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Access::NoNode,
            Err(_) => Access::Denied,
        };
        Some(UsbCamera {
            kind,
            name: if name.is_empty() { format!("camera {vendor}") } else { name.join(" ") },
            serial: read("serial").unwrap_or_default(),
            speed_mbit: number("speed").unwrap_or(0),
            node,
            access,
        })
    }

    /// The udev rules file that grants access to event cameras of iniVation, if one is installed.
    pub fn rule(&self) -> Option<PathBuf> {
        self.rule_with(INIVATION)
    }

    /// The udev rules file that grants access to event cameras with a sensor of Prophesee, if one is
    /// installed. Earlier versions of [`UDEV_RULE`] do not.
    pub fn rule_for_prophesee(&self) -> Option<PathBuf> {
        self.rule_with(CYPRESS.first().map_or("", |(vendor, _)| vendor))
    }

    /// The first udev rules file with `part` in an active line.
    fn rule_with(&self, part: &str) -> Option<PathBuf> {
        let folders = ["etc/udev/rules.d", "run/udev/rules.d", "usr/lib/udev/rules.d"];
        let files = folders.iter().flat_map(|folder| entries(&self.root.join(folder)));
        files.into_iter().find(|file| {
            let rules = fs::read_to_string(file).unwrap_or_default();
            let active = |line: &str| !line.trim_start().starts_with('#') && line.contains(part);
            file.extension().is_some_and(|e| e == "rules") && rules.lines().any(active)
        })
    }

    /// The kernel's limit of memory for USB transfers, in MiB; 0 means no limit.
    pub fn usbfs_memory_mb(&self) -> Option<u32> {
        let file = self.root.join("sys/module/usbcore/parameters/usbfs_memory_mb");
        read_trimmed(&file)?.parse().ok()
    }

    /// Problems that prevent the connected cameras from working, each with its remedy: one
    /// sentence each.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let cameras = self.usb_cameras();
        for camera in &cameras {
            let (name, node) = (&camera.name, camera.node.display());
            match camera.access {
                Access::Granted => {}
                Access::NoNode if camera.kind == UsbKind::Web => missing.push(format!(
                    "{name}: {node} does not exist; load its driver (sudo modprobe uvcvideo), or \
                     make the video device available to the container"
                )),
                Access::NoNode => missing.push(format!(
                    "{name}: {node} does not exist; make /dev/bus/usb available to the container"
                )),
                Access::Denied => missing.push(format!(
                    "{name}: no permission for {node}; {}",
                    self.access_remedy(camera.kind)
                )),
            }
            let fast = matches!(camera.kind, UsbKind::Vision | UsbKind::Prophesee);
            if fast && (1..5000).contains(&camera.speed_mbit) {
                let speed = camera.speed_mbit;
                missing.push(format!(
                    "{name}: the link runs at only {speed} Mbit/s; use a USB 3 port and cable"
                ));
            }
        }
        let vision = cameras.iter().any(|c| c.kind == UsbKind::Vision);
        if let Some(mb @ 1..MIN_USBFS_MB) = self.usbfs_memory_mb().filter(|_| vision) {
            missing.push(format!(
                "usbfs_memory_mb is {mb}, too small for a USB3 Vision camera, which will lose \
                 frames: run sudo sh -c 'echo {RECOMMENDED_USBFS_MB} > \
                 /sys/module/usbcore/parameters/usbfs_memory_mb' (until the next reboot; to \
                 make it permanent, add usbcore.usbfs_memory_mb={RECOMMENDED_USBFS_MB} to the \
                 kernel command line)"
            ));
        }
        missing
    }

    /// What to do if a camera may not be opened.
    pub(crate) fn access_remedy(&self, kind: UsbKind) -> String {
        let rule = match kind {
            UsbKind::Event => self.rule(),
            UsbKind::Prophesee => self.rule_for_prophesee(),
            // A rule for event cameras alone, such as that of libcaer, is no help to others.
            UsbKind::Vision => self.rule_with(&USB3_VISION.concat()),
            UsbKind::Web => None,
        };
        match (kind, rule) {
            (UsbKind::Web, _) => {
                "add yourself to the group video (sudo usermod -aG video USER), then log in again"
                    .into()
            }
            (_, None) => {
                format!("install the udev rule: {}, then plug it in again", udev_command())
            }
            (_, Some(rule)) => format!(
                "the udev rule {} is installed: plug the camera in again, and use a local session \
                 (the rule does not apply to remote logins)",
                rule.display()
            ),
        }
    }
}

/// The kind of a device of another vendor, determined from its USB interfaces.
fn kind_of(device: &Path) -> Option<UsbKind> {
    let interfaces = entries(device);
    let class = |interface: &Path| {
        ["bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"]
            .map(|name| read_trimmed(&interface.join(name)).unwrap_or_default())
    };
    interfaces.iter().map(|i| class(i)).find_map(|class| {
        if class == USB3_VISION {
            Some(UsbKind::Vision)
        } else if class.first().is_some_and(|c| c == USB_VIDEO) {
            Some(UsbKind::Web)
        } else {
            None
        }
    })
}

/// The node of a webcam's first video device; `video*` if no driver has made one.
fn video_node(device: &Path) -> String {
    let devices = |interface: &PathBuf| entries(&interface.join("video4linux"));
    let name = |video: PathBuf| Some(video.file_name()?.to_string_lossy().into_owned());
    let names = entries(device).iter().flat_map(devices).filter_map(name).collect::<Vec<_>>();
    // By number: `video9` before `video10`.
    let first = names.iter().min_by_key(|name| (name.len(), *name));
    format!("dev/{}", first.map_or("video*", String::as_str))
}

/// The entries of a folder, sorted.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut entries: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    entries.sort();
    entries
}

fn read_trimmed(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok().map(|t| t.trim().to_owned())
}
