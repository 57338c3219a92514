//! The camera section of `gem-live devices`.

use gem_live::camera::DeviceError;
use gem_live::camera::drivers::davis::Davis;
use gem_live::camera::drivers::genicam::GenIcam;
use gem_live::camera::drivers::neuromorphic::{self, AnyDavis, Found, Model};
use gem_live::camera::drivers::uvc::Uvc;
use gem_live::camera::host_check::{Host, UsbCamera, UsbKind, udev_command};

/// DV's cameras cannot be listed: they are named by the address of the computer that DV runs on.
const DV: &str = "iniVation cameras through DV: no library is needed; switch on DV's network output \
                  and use --source dv:HOST:PORT,FRAMES_PORT";

/// Lists the cameras, and what is missing to use them.
pub(crate) fn report() -> String {
    let host = Host::this();
    let mut lines = Vec::new();
    // Without permission or with a camera in use, the reason is part of the list.
    let usb = neuromorphic::list();
    lines.extend(davis(&host, usb.as_deref().unwrap_or_default()));
    lines.extend(event_cameras(&usb));
    lines.extend(genicam());
    lines.extend(webcams());
    lines.push(DV.into());
    if cfg!(target_os = "linux") {
        lines.push(match host.rule() {
            Some(rule) => format!("udev rule for event cameras: {}", rule.display()),
            None => format!(
                "udev rule for event cameras: not installed (only root can open them): {}",
                udev_command()
            ),
        });
        if let (Some(rule), None) = (host.rule(), host.rule_for_prophesee()) {
            lines.push(format!(
                "missing: {} has no rule for the cameras of Prophesee; install the present one: {}",
                rule.display(),
                udev_command()
            ));
        }
        if let Some(mb) = host.usbfs_memory_mb() {
            lines.push(format!("usbfs_memory_mb: {mb}"));
        }
        lines.extend(host.missing().into_iter().map(|what| format!("missing: {what}")));
    }
    lines.join("\n") + "\n"
}

fn davis(host: &Host<'_>, usb: &[Found]) -> Vec<String> {
    let library = Davis::new(None);
    if let Err(why) = library.library() {
        let found = usb.iter().filter(|found| found.model == Model::Davis346).map(on_usb);
        let note = AnyDavis::LIMITATIONS.to_owned();
        return [format!("missing: {why}"), note].into_iter().chain(found).collect();
    }
    // A DVXplorer is among the event cameras below.
    let is_davis = |c: &UsbCamera| c.kind == UsbKind::Event && !c.name.contains("DVXplorer");
    let cameras: Vec<_> = host.usb_cameras().into_iter().filter(is_davis).collect();
    if cameras.is_empty() {
        // Without sysfs, or without a camera in it, ask libcaer.
        return match library.identify(None) {
            Ok(found) => vec![described("davis", &found.model, &found.serial, &found.firmware)],
            Err(_) => vec!["libcaer is installed; no DAVIS is connected".into()],
        };
    }
    let line = |camera: UsbCamera| {
        let serial = Some(camera.serial.as_str()).filter(|s| !s.is_empty());
        match library.identify(serial) {
            Ok(found) => described("davis", &found.model, &found.serial, &found.firmware),
            Err(why) => format!("{} {}: {why}", camera.name, camera.serial),
        }
    };
    cameras.into_iter().map(line).collect()
}

/// A camera by its command line name, with its model and details. Never recommends a firmware
/// update: newer iniVation firmware makes the cameras unusable for libcaer.
fn described(kind: &str, model: &str, serial: &str, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!(" ({more})") };
    format!("{kind}:{serial}  {model}{more}")
}

/// Event cameras that deliver no frames.
fn event_cameras(usb: &Result<Vec<Found>, DeviceError>) -> Vec<String> {
    const KINDS: &str = "event cameras over USB (Prophesee EVK3 HD and EVK4, SilkyEvCam, IDS uEye, \
                         DVXplorer): no library is needed";
    let found = match usb {
        Ok(found) => found,
        Err(why) => return vec![format!("{KINDS}; {why}")],
    };
    let mut lines: Vec<String> =
        found.iter().filter(|found| found.model != Model::Davis346).map(on_usb).collect();
    if lines.is_empty() {
        lines.push(format!("{KINDS}; none is connected"));
    }
    lines
}

fn on_usb(found: &Found) -> String {
    let Found { model, serial, problem } = found;
    match problem {
        None => described(model.source(), model.name(), serial, ""),
        Some(why) => format!("{}: {why}", model.name()),
    }
}

fn genicam() -> Vec<String> {
    match GenIcam::list() {
        Ok(found) if found.is_empty() => {
            vec!["libaravis is installed; no GenICam camera was found".into()]
        }
        Ok(found) => {
            let line = |f: gem_live::camera::drivers::genicam::Found| {
                let more = format!("{} {}", f.protocol, f.address);
                described("genicam", &f.identity.model, &f.identity.serial, more.trim())
            };
            found.into_iter().map(line).collect()
        }
        Err(why) => vec![missing(&why)],
    }
}

fn webcams() -> Vec<String> {
    match Uvc::new().list() {
        Ok(found) if found.is_empty() => vec!["no web camera is connected".into()],
        Ok(found) => {
            let line = |l: &gem_live::camera::drivers::uvc::Listed| {
                let more = l.problem.as_deref().unwrap_or_default();
                described("uvc", &l.name, &l.index.to_string(), more)
            };
            found.iter().map(line).collect()
        }
        Err(why) => vec![missing(&why)],
    }
}

fn missing(why: &DeviceError) -> String {
    format!("missing: {why}")
}
