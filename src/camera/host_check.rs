//! What this computer lacks for its cameras, read from `/sys`, `/dev` and `/etc` of Linux.

use std::fs;
use std::path::{Path, PathBuf};

/// iniVation's cameras, DAVIS among them, by the number of the USB vendor.
const INIVATION: &str = "152a";
/// Class, subclass and protocol of a USB3 Vision interface, by that standard.
const USB3_VISION: [&str; 3] = ["ef", "05", "00"];
/// Class of a USB video interface, by that standard.
const USB_VIDEO: &str = "0e";
/// Memory for transfers, in MiB, below which a camera of 3 megapixels loses frames: ten
/// buffers of 4 MiB and as much again for what libusb keeps in flight.
const LEAST_USBFS_MB: u32 = 80;
/// What makers of such cameras advise, in MiB.
const USBFS_MB: u32 = 1000;

/// The kind of a camera on the USB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsbKind {
    /// A DAVIS or another event camera of iniVation.
    Event,
    /// A USB3 Vision camera.
    Vision,
    /// A web camera.
    Web,
}

/// Whether a camera's node may be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may.
    Granted,
    /// It may not: a udev rule is missing.
    Denied,
    /// There is no such node, as in a container that does not pass it on.
    NoNode,
}

/// A camera on the USB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbCamera {
    /// What kind it is.
    pub kind: UsbKind,
    /// Maker and product as it tells them.
    pub name: String,
    /// Serial number, empty where it tells none.
    pub serial: String,
    /// Megabits a second of its link: 5000 on USB 3, 480 on USB 2.
    pub speed_mbit: u32,
    /// Its node, below `/dev/bus/usb`.
    pub node: PathBuf,
    /// Whether that may be opened.
    pub access: Access,
}

/// A computer, by its file system.
pub struct Host<'a> {
    root: PathBuf,
    opens: &'a dyn Fn(&Path) -> std::io::Result<()>,
}

/// Opens a file to read and write it.
fn open(node: &Path) -> std::io::Result<()> {
    fs::OpenOptions::new().read(true).write(true).open(node).map(|_| ())
}

impl Host<'static> {
    /// This one.
    pub fn this() -> Self {
        Self::at("/", &open)
    }
}

impl<'a> Host<'a> {
    /// One whose file system begins at `root`; `opens` says whether a node can be opened.
    pub fn at(root: impl Into<PathBuf>, opens: &'a dyn Fn(&Path) -> std::io::Result<()>) -> Self {
        Self { root: root.into(), opens }
    }

    /// The cameras on the USB; none where there is no such tree.
    pub fn usb_cameras(&self) -> Vec<UsbCamera> {
        let devices = names(&self.root.join("sys/bus/usb/devices"));
        devices.iter().filter_map(|device| self.usb_camera(device)).collect()
    }

    fn usb_camera(&self, device: &Path) -> Option<UsbCamera> {
        let read = |name: &str| text(&device.join(name));
        let vendor = read("idVendor")?;
        let kind = if vendor == INIVATION { UsbKind::Event } else { kind_of(device)? };
        let parts = [read("manufacturer"), read("product")];
        let name: Vec<String> = parts.into_iter().flatten().filter(|p| !p.is_empty()).collect();
        let number = |name: &str| read(name)?.parse::<u32>().ok();
        let node = format!("dev/bus/usb/{:03}/{:03}", number("busnum")?, number("devnum")?);
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

    /// The file with a udev rule that opens event cameras to whoever sits at the computer.
    pub fn rule(&self) -> Option<PathBuf> {
        let folders = ["etc/udev/rules.d", "run/udev/rules.d", "usr/lib/udev/rules.d"];
        let files = folders.iter().flat_map(|folder| names(&self.root.join(folder)));
        files.into_iter().find(|file| {
            let rules = fs::read_to_string(file).unwrap_or_default();
            let active =
                |line: &str| !line.trim_start().starts_with('#') && line.contains(INIVATION);
            file.extension().is_some_and(|e| e == "rules") && rules.lines().any(active)
        })
    }

    /// How much memory the kernel lends to USB transfers, in MiB; 0 stands for any amount.
    pub fn usbfs_memory_mb(&self) -> Option<u32> {
        let file = self.root.join("sys/module/usbcore/parameters/usbfs_memory_mb");
        text(&file)?.parse().ok()
    }

    /// What stands in the way of the cameras that are there, and what to do about it: one
    /// sentence each.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let cameras = self.usb_cameras();
        for camera in &cameras {
            let (name, node) = (&camera.name, camera.node.display());
            match camera.access {
                Access::Granted => {}
                Access::NoNode => missing.push(format!(
                    "{name}: {node} does not exist; pass /dev/bus/usb on to the container"
                )),
                Access::Denied => missing.push(format!(
                    "{name}: no permission for {node}; {}",
                    self.about_rule(camera.kind)
                )),
            }
            if camera.kind == UsbKind::Vision && (1..5000).contains(&camera.speed_mbit) {
                let speed = camera.speed_mbit;
                missing.push(format!(
                    "{name}: linked at {speed} Mbit/s only; use a USB 3 port and cable"
                ));
            }
        }
        let vision = cameras.iter().any(|c| c.kind == UsbKind::Vision);
        if let Some(mb @ 1..LEAST_USBFS_MB) = self.usbfs_memory_mb().filter(|_| vision) {
            missing.push(format!(
                "usbfs_memory_mb is {mb}, too small for a USB3 Vision camera, which will lose \
                 frames: sudo sh -c 'echo {USBFS_MB} > \
                 /sys/module/usbcore/parameters/usbfs_memory_mb' (until the next start; for \
                 good, put usbcore.usbfs_memory_mb={USBFS_MB} on the kernel's command line)"
            ));
        }
        missing
    }

    fn about_rule(&self, kind: UsbKind) -> String {
        match (kind, self.rule()) {
            (UsbKind::Web, _) => "add yourself to the group video".into(),
            (_, None) => "install the udev rule: sudo cp assets/udev/65-gem-live.rules \
                          /etc/udev/rules.d/ && sudo udevadm control --reload-rules && sudo \
                          udevadm trigger, then plug it in again"
                .into(),
            (_, Some(rule)) => format!(
                "the udev rule {} is installed: plug the camera in again, and sit at the computer \
                 itself (it does not serve remote logins)",
                rule.display()
            ),
        }
    }
}

/// What a device of another vendor is, by the interfaces that it has.
fn kind_of(device: &Path) -> Option<UsbKind> {
    let interfaces = names(device);
    let class = |interface: &Path| {
        ["bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"]
            .map(|name| text(&interface.join(name)).unwrap_or_default())
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

/// What lies in a folder, in order.
fn names(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    names.sort();
    names
}

fn text(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok().map(|t| t.trim().to_owned())
}
