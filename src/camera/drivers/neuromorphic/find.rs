//! Finds the cameras on USB without opening any other device.

use super::model::Model;
use crate::camera::DeviceError;
use crate::camera::host_check::{Host, UsbKind, is_evk};
use neuromorphic_drivers::rusb::{self, UsbContext};
use neuromorphic_drivers::{
    Identifier, Location, UsbDevice, centuryarks_vga, inivation_davis346, inivation_dvxplorer,
    prophesee_evk3_hd, prophesee_evk4,
};
use std::fmt::Display;

/// Where a camera is connected, if it is. Only devices with the identifiers of the model are opened,
/// and those that another program uses are left alone.
pub(super) fn locate<D: UsbDevice>(
    context: &rusb::Context,
    model: Model,
    serial: Option<&str>,
) -> Result<Option<Identifier<'static>>, DeviceError> {
    let devices = context.devices().map_err(|e| unusable(&e))?;
    let mut problems = Vec::new();
    for device in devices.iter().filter(|device| has_ids(device, model)) {
        match serial_number::<D>(&device, model) {
            Ok(Some(found)) if serial.is_none_or(|wanted| wanted == found) => {
                return Ok(Some(Identifier::Location(Location::BusNumberAndAddress {
                    bus_number: device.bus_number(),
                    address: device.address(),
                })));
            }
            Ok(_) => {}
            Err(why) => problems.push(format!("{}: {why}", model.name())),
        }
    }
    match problems.is_empty() {
        true => Ok(None),
        false => Err(DeviceError::NotFound(problems.join("; "))),
    }
}

/// Why no camera on USB can be used.
pub(super) fn unusable(error: &dyn Display) -> DeviceError {
    DeviceError::NotFound(format!(
        "USB cannot be used: {error}; in a container, make /dev/bus/usb available to it"
    ))
}

fn has_ids(device: &rusb::Device<rusb::Context>, model: Model) -> bool {
    let descriptor = device.device_descriptor();
    descriptor.is_ok_and(|d| model.usb_ids().contains(&(d.vendor_id(), d.product_id())))
}

/// Reads the serial number of a device; `None` if it is of another type with the same identifiers.
fn serial_number<D: UsbDevice>(
    device: &rusb::Device<rusb::Context>,
    model: Model,
) -> Result<Option<String>, String> {
    let place = format!("USB bus {:03} device {:03}", device.bus_number(), device.address());
    let opened = device.open().map_err(|error| Problem::of_unknown(error, model));
    let read = opened.and_then(|mut handle| identified(&mut handle, model, names, D::read_serial));
    read.map_err(|problem| problem.explained(model, &place))
}

/// The names of a device's manufacturer and product, read with requests of the USB standard.
fn names(handle: &rusb::DeviceHandle<rusb::Context>) -> rusb::Result<Vec<String>> {
    let descriptor = handle.device().device_descriptor()?;
    let of_both = [descriptor.manufacturer_string_index(), descriptor.product_string_index()];
    of_both.into_iter().flatten().map(|index| handle.read_string_descriptor_ascii(index)).collect()
}

/// Reads the serial number with `read`, which sends requests of the manufacturer's own. A device that
/// only shares a chip with the model might take them for something else, so that its names come first.
fn identified<H>(
    handle: &mut H,
    model: Model,
    names: fn(&H) -> rusb::Result<Vec<String>>,
    read: fn(&mut H) -> rusb::Result<Option<String>>,
) -> Result<Option<String>, Problem> {
    if model.has_shared_ids() {
        let names = names(handle).map_err(|error| Problem::of_unknown(error, model))?;
        if !is_evk(names.iter().map(String::as_str)) {
            tracing::debug!(
                ?names,
                "a device with the USB chip of the EVK3 and EVK4 is left alone"
            );
            return Ok(None);
        }
    }
    read(handle).map_err(|error| Problem { error, is_known: true })
}

/// Why a device could not be identified.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    error: rusb::Error,
    /// Whether the device is a camera for certain.
    is_known: bool,
}

impl Problem {
    /// Of a device of which nothing but the identifiers is known.
    fn of_unknown(error: rusb::Error, model: Model) -> Self {
        Self { error, is_known: !model.has_shared_ids() }
    }

    /// What is wrong with which device, and what to do.
    fn explained(&self, model: Model, place: &str) -> String {
        let mut text = match self.error {
            rusb::Error::Access if cfg!(target_os = "linux") => {
                let kind = match model {
                    Model::Dvxplorer | Model::Davis346 => UsbKind::Event,
                    _ => UsbKind::Prophesee,
                };
                format!("no permission for {place}; {}", Host::this().access_remedy(kind))
            }
            rusb::Error::Access | rusb::Error::Busy => {
                format!("another program uses {place}; close that program")
            }
            rusb::Error::NoDevice => format!("{place} was unplugged; plug it in again"),
            rusb::Error::NotSupported | rusb::Error::NotFound if cfg!(windows) => format!(
                "Windows has no driver for {place} that programs can use; install WinUSB for it, \
                 for example with Zadig"
            ),
            other => {
                format!("{place} does not answer ({other}); unplug it and plug it in again")
            }
        };
        if !self.is_known {
            text.push_str(" (perhaps it is another device with the same USB chip)");
        }
        text
    }
}

/// A camera on USB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its model.
    pub model: Model,
    /// Its serial number, empty if it could not be read.
    pub serial: String,
    /// Why it cannot be opened, and what to do.
    pub problem: Option<String>,
}

/// Lists the cameras on USB. Those that are in use are reported as such, and not disturbed.
///
/// # Errors
/// USB cannot be used at all.
pub fn list() -> Result<Vec<Found>, DeviceError> {
    let context = rusb::Context::new().map_err(|e| unusable(&e))?;
    let devices = context.devices().map_err(|e| unusable(&e))?;
    let mut found = Vec::new();
    for device in devices.iter() {
        for model in Model::ALL.into_iter().filter(|model| has_ids(&device, *model)) {
            let serial = match model {
                Model::Evk3Hd => serial_number::<prophesee_evk3_hd::Device>(&device, model),
                Model::Evk4 | Model::SilkyEvCamHd | Model::Ueye => {
                    serial_number::<prophesee_evk4::Device>(&device, model)
                }
                Model::SilkyEvCamVga => serial_number::<centuryarks_vga::Device>(&device, model),
                Model::Dvxplorer => serial_number::<inivation_dvxplorer::Device>(&device, model),
                Model::Davis346 => serial_number::<inivation_davis346::Device>(&device, model),
            };
            match serial {
                Ok(Some(serial)) => found.push(Found { model, serial, problem: None }),
                Ok(None) => {}
                // The EVK4 has the same identifiers, and reports it.
                Err(_) if model == Model::Evk3Hd => {}
                Err(why) => found.push(Found { model, serial: String::new(), problem: Some(why) }),
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device with these names, and how often its serial number was read.
    struct Fake(&'static [&'static str], u32);

    fn names_of(device: &Fake) -> rusb::Result<Vec<String>> {
        if device.0 == ["broken"] {
            return Err(rusb::Error::Io);
        }
        Ok(device.0.iter().map(|name| (*name).to_owned()).collect())
    }

    fn read(device: &mut Fake) -> rusb::Result<Option<String>> {
        device.1 += 1;
        Ok(Some("0005042A".into()))
    }

    #[test]
    fn only_a_device_with_the_names_of_a_camera_is_sent_its_requests() {
        const OTHERS: [&[&str]; 3] = [&["Cypress", "FX3"], &["Somebody", "Logic analyser"], &[]];
        let identify = |names: &'static [&'static str], model: Model| {
            let mut device = Fake(names, 0);
            let serial = identified(&mut device, model, names_of, read);
            (serial.map(|serial| serial.is_some()), device.1)
        };
        assert_eq!(identify(&["Prophesee", "EVK4"], Model::Evk4), (Ok(true), 1));
        assert_eq!(identify(&["", "EVK3"], Model::Evk3Hd), (Ok(true), 1));
        for other in OTHERS {
            for model in [Model::Evk3Hd, Model::Evk4] {
                assert_eq!(identify(other, model), (Ok(false), 0), "{other:?}");
            }
        }
        let unknown = Problem { error: rusb::Error::Io, is_known: false };
        assert_eq!(identify(&["broken"], Model::Evk4), (Err(unknown), 0));
        // The identifiers of the other models are unique to them.
        assert_eq!(identify(&[], Model::SilkyEvCamHd), (Ok(true), 1));
    }

    #[test]
    fn every_problem_names_the_device_and_what_to_do() {
        let explained = |error: rusb::Error, is_known: bool| {
            Problem { error, is_known }.explained(Model::Evk4, "USB bus 002 device 007")
        };
        let all = [
            (rusb::Error::Busy, "close that program"),
            (rusb::Error::NoDevice, "plug it in again"),
            (rusb::Error::Timeout, "unplug it and plug it in again"),
            (rusb::Error::Pipe, "unplug it and plug it in again"),
        ];
        for (error, remedy) in all {
            let text = explained(error, true);
            assert!(text.contains("USB bus 002 device 007") && text.ends_with(remedy), "{text}");
            assert!(explained(error, false).contains("another device with the same USB chip"));
        }
        let denied = explained(rusb::Error::Access, true);
        if cfg!(target_os = "linux") {
            assert!(denied.contains("no permission") && denied.contains("udev rule"), "{denied}");
        }
        assert_eq!(denied.lines().count(), 1, "{denied}");
    }
}
