//! Cameras on USB, through the crate neuromorphic-drivers with the libusb that it contains.

use super::controls;
use super::find::{locate, unusable};
use super::model::Model;
use super::port::{Buffer, Bus, Format, OpenSettings, Orientation, Port, Setting};
use crate::camera::DeviceError;
use crate::panics::Locked;
use neuromorphic_drivers::{
    Flag, RingConfiguration, UsbDevice, UsbEventLoop, UsbOverflow, centuryarks_vga,
    inivation_davis346, inivation_dvxplorer, prophesee_evk3_hd, prophesee_evk4,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Buffers of 128 KiB: 64 MiB hold a second of what an EVK4 sends at most.
const RING: RingConfiguration =
    RingConfiguration { buffer_length: 1 << 17, ring_length: 512, parallel_submissions: 32 };
/// How long the thread that receives buffers waits until it looks whether it should end.
const EVENT_TIMEOUT: Duration = Duration::from_millis(100);

/// A failure on the threads of the crate.
#[derive(Clone)]
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

type Failures = Flag<Failure, UsbOverflow>;

/// The USB of this computer.
#[derive(Default)]
pub(super) struct Usb {
    /// The thread that receives buffers, started when a camera is first looked for.
    events: Mutex<Option<Arc<UsbEventLoop>>>,
}

impl Usb {
    fn event_loop(&self) -> Result<Arc<UsbEventLoop>, DeviceError> {
        let mut held = self.events.locked();
        if let Some(events) = held.as_ref() {
            return Ok(events.clone());
        }
        let events = UsbEventLoop::new(EVENT_TIMEOUT, Failures::new());
        let events = events.map_err(|e| unusable(&e))?;
        Ok(held.insert(Arc::new(events)).clone())
    }

    fn open_as<D>(
        &self,
        model: Model,
        serial: Option<&str>,
        configuration: D::Configuration,
        format: fn(&D) -> Format,
    ) -> Result<Option<Box<dyn Port>>, DeviceError>
    where
        D: UsbDevice + Send + 'static,
        D::Error: std::error::Error + Clone + Send + 'static,
        D::Configuration: Serialize + DeserializeOwned,
        D::BiasesBounds: Serialize,
    {
        let events = self.event_loop()?;
        let Some(place) = locate::<D>(events.context(), model, serial)? else { return Ok(None) };
        let failures = Failures::new();
        let device = D::open(place, configuration, &RING, events, failures.clone());
        let device = device.map_err(|e| cannot_open(model, &e))?;
        let format = format(&device);
        Ok(Some(Box::new(UsbPort { device, failures, format })))
    }
}

impl Bus for Usb {
    fn open(
        &self,
        model: Model,
        serial: Option<&str>,
        settings: OpenSettings,
    ) -> Result<Option<Box<dyn Port>>, DeviceError> {
        // Each type has its own limiter, with the same fields.
        let period = OpenSettings::LIMIT_PERIOD_US;
        let most = settings.max_events_per_period();
        match model {
            Model::Evk3Hd => {
                let mut chosen = prophesee_evk3_hd::DEFAULT_CONFIGURATION;
                chosen.rate_limiter = Some(prophesee_evk3_hd::RateLimiter {
                    reference_period_us: period,
                    maximum_events_per_period: most,
                });
                self.open_as::<prophesee_evk3_hd::Device>(model, serial, chosen, |_| Format::Evt3)
            }
            Model::Evk4 | Model::SilkyEvCamHd | Model::Ueye => {
                let mut chosen = prophesee_evk4::DEFAULT_CONFIGURATION;
                chosen.rate_limiter = Some(prophesee_evk4::RateLimiter {
                    reference_period_us: period,
                    maximum_events_per_period: most,
                });
                chosen.enable_external_trigger = true;
                self.open_as::<prophesee_evk4::Device>(model, serial, chosen, |_| Format::Evt3)
            }
            Model::SilkyEvCamVga => {
                let mut chosen = centuryarks_vga::DEFAULT_CONFIGURATION;
                chosen.rate_limiter = Some(centuryarks_vga::RateLimiter {
                    reference_period_us: period,
                    maximum_events_per_period: most,
                });
                self.open_as::<centuryarks_vga::Device>(model, serial, chosen, |_| Format::Evt3)
            }
            Model::Dvxplorer => {
                let chosen = inivation_dvxplorer::DEFAULT_CONFIGURATION;
                let format = |_: &inivation_dvxplorer::Device| Format::Dvxplorer;
                self.open_as::<inivation_dvxplorer::Device>(model, serial, chosen, format)
            }
            Model::Davis346 => {
                let chosen = without_filter(inivation_davis346::DEFAULT_CONFIGURATION);
                self.open_as::<inivation_davis346::Device>(model, serial, chosen, davis_format)
            }
        }
    }
}

fn davis_format(device: &inivation_davis346::Device) -> Format {
    let inivation_davis346::ApsOrientation { flip_x, flip_y, invert_xy } = device.aps_orientation();
    let frames = Orientation { flip_x, flip_y, invert_xy };
    Format::Davis346 { invert_events: device.dvs_invert_xy(), frames }
}

/// Switches off the camera's own noise filter, whose fields the crate keeps private.
fn without_filter(
    configuration: inivation_davis346::Configuration,
) -> inivation_davis346::Configuration {
    let changed = serde_json::to_value(&configuration).ok().and_then(|mut value| {
        *value.pointer_mut("/activity_filter/mask_isolated_enable")? = json!(false);
        serde_json::from_value(value).ok()
    });
    changed.unwrap_or(configuration)
}

/// Why a camera cannot be opened. No permission and a busy camera can change, so it is tried again.
fn cannot_open(model: Model, error: &dyn Display) -> DeviceError {
    DeviceError::NotFound(format!(
        "the {} cannot be opened: {error}; unplug it and plug it in again, and check that no other \
         program uses it",
        model.name()
    ))
}

struct UsbPort<D> {
    device: D,
    failures: Failures,
    format: Format,
}

impl<D> Port for UsbPort<D>
where
    D: UsbDevice + Send,
    D::Configuration: Serialize + DeserializeOwned,
    D::BiasesBounds: Serialize,
{
    fn serial(&self) -> String {
        self.device.serial()
    }

    fn format(&self) -> Format {
        self.format
    }

    fn next(
        &mut self,
        timeout: Duration,
        read: &mut dyn FnMut(Buffer<'_>),
    ) -> Result<bool, String> {
        self.failures.load_error().map_err(|failure| failure.0)?;
        let Some(view) = self.device.next_with_timeout(&timeout) else { return Ok(false) };
        read(Buffer {
            bytes: view.slice,
            is_after_gap: view.first_after_overflow,
            arrived: view.instant,
        });
        Ok(true)
    }

    fn dropped(&self) -> u64 {
        self.device.dropped_packets()
    }

    fn settings(&self) -> Vec<Setting> {
        let values = serde_json::to_value(self.device.current_configuration()).unwrap_or_default();
        let bounds = serde_json::to_value(self.device.biases_bounds()).unwrap_or_default();
        settings(&values, &bounds)
    }

    fn set(&mut self, name: &str, value: i64) -> bool {
        let values = serde_json::to_value(self.device.current_configuration()).unwrap_or_default();
        let changed = changed(values, name, value);
        let Some(configuration) = changed.and_then(|v| serde_json::from_value(v).ok()) else {
            return false;
        };
        self.device.update_configuration(configuration);
        true
    }
}

/// Numbers outside the biases that can be set, with their ranges.
const TIMES: [(&str, (i64, i64)); 2] =
    [("exposure_us", (1, 4_000_000)), ("frame_interval_us", (1, 8_000_000))];

/// What can be set while a camera streams, from its configuration and the bounds of its biases.
fn settings(values: &Value, bounds: &Value) -> Vec<Setting> {
    let times = TIMES.iter().filter_map(|&(name, range)| {
        Some(Setting { name, value: values.get(name)?.as_i64()?, range })
    });
    let biases = values.get("biases").and_then(Value::as_object);
    let biases = biases.into_iter().flatten().filter_map(|(name, value)| {
        let bounds = bounds.get(name)?;
        let bound = |which| bounds.get(which).and_then(Value::as_i64);
        let range = (bound("minimum")?, bound("maximum")?);
        Some(Setting { name: controls::constant(name)?, value: value.as_i64()?, range })
    });
    times.chain(biases).collect()
}

/// A configuration with another value of a setting.
fn changed(mut values: Value, name: &str, value: i64) -> Option<Value> {
    let number = if TIMES.iter().any(|(time, _)| *time == name) {
        values.get_mut(name)?
    } else {
        values.get_mut("biases")?.get_mut(name)?
    };
    *number = json!(value);
    Some(values)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn a_configuration_is_read_and_changed_by_name() {
        let values = serde_json::to_value(inivation_davis346::DEFAULT_CONFIGURATION).unwrap();
        let bounds = serde_json::to_value(inivation_davis346::BIASES_BOUNDS).unwrap();
        let all = settings(&values, &bounds);
        let find = |name: &str| all.iter().find(|s| s.name == name).unwrap();
        assert_eq!((find("exposure_us").value, find("onbn").range), (4_000, (0, 2_040)));
        assert!(all.iter().all(|s| s.name != "colsellowbn"), "not offered");
        let changed = changed(values, "onbn", 1_500).unwrap();
        let read: inivation_davis346::Configuration = serde_json::from_value(changed).unwrap();
        assert_eq!((read.biases.onbn, read.biases.offbn), (1_500, 583));
        assert_eq!(super::changed(json!({}), "onbn", 1), None);
    }

    #[test]
    fn the_filter_of_a_davis_is_switched_off_and_nothing_else() {
        let before = inivation_davis346::DEFAULT_CONFIGURATION;
        let after = serde_json::to_value(without_filter(before.clone())).unwrap();
        assert_eq!(after.pointer("/activity_filter/mask_isolated_enable"), Some(&json!(false)));
        assert_eq!(after.get("biases"), serde_json::to_value(before).unwrap().get("biases"));
    }

    #[test]
    fn identifiers_and_sensors_are_those_of_the_crate() {
        fn check<D: UsbDevice>(models: &[Model]) {
            for model in models {
                for ids in model.usb_ids() {
                    assert!(D::VENDOR_AND_PRODUCT_IDS.contains(ids), "{model:?}");
                }
            }
        }
        check::<prophesee_evk3_hd::Device>(&[Model::Evk3Hd]);
        check::<prophesee_evk4::Device>(&[Model::Evk4, Model::SilkyEvCamHd, Model::Ueye]);
        check::<centuryarks_vga::Device>(&[Model::SilkyEvCamVga]);
        check::<inivation_dvxplorer::Device>(&[Model::Dvxplorer]);
        check::<inivation_davis346::Device>(&[Model::Davis346]);
        let size = |width: u16, height: u16| {
            crate::image::Size::new(usize::from(width), usize::from(height))
        };
        let evk4 = prophesee_evk4::PROPERTIES;
        assert_eq!(Model::Evk4.sensor(), size(evk4.width, evk4.height));
        let vga = centuryarks_vga::PROPERTIES;
        assert_eq!(Model::SilkyEvCamVga.sensor(), size(vga.width, vga.height));
        let dvxplorer = inivation_dvxplorer::PROPERTIES;
        assert_eq!(Model::Dvxplorer.sensor(), size(dvxplorer.width, dvxplorer.height));
        let davis = inivation_davis346::PROPERTIES;
        assert_eq!(Model::Davis346.sensor(), size(davis.width, davis.height));
    }
}
