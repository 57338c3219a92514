//! One key of a configuration, and its value in the expected type.

use super::error::ConfigError;
use crate::formats::limits::{MAX_IMAGE_SIDE_PX, MIN_SCALE_FACTOR};
use yaml_serde::Value;

/// A key and its value.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a Value,
}

impl Entry<'_> {
    pub(super) fn shown(&self) -> String {
        yaml_serde::to_string(self.value).unwrap_or_default().trim().replace('\n', " ")
    }

    fn type_error(&self, expected: &'static str) -> ConfigError {
        ConfigError::Value { key: self.key.to_owned(), expected, found: self.shown() }
    }

    pub(super) fn boolean(&self) -> Result<bool, ConfigError> {
        self.value.as_bool().ok_or_else(|| self.type_error("true or false"))
    }

    pub(super) fn text(&self) -> Result<String, ConfigError> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.type_error("text"))
    }

    /// Also accepts text such as `1e-5`, which YAML 1.1 does not treat as a number.
    pub(super) fn number(&self) -> Result<f64, ConfigError> {
        let text = || self.value.as_str().and_then(|t| t.parse().ok());
        (self.value.as_f64().or_else(text))
            .filter(|v: &f64| v.is_finite())
            .ok_or_else(|| self.type_error("a number"))
    }

    /// A number of epochs, steps or images. It is bounded, so that products of such numbers cannot
    /// overflow.
    pub(super) fn count(&self) -> Result<usize, ConfigError> {
        let value = self.value.as_u64().filter(|v| *v <= 1_000_000);
        let value = value.and_then(|v| usize::try_from(v).ok());
        value.ok_or_else(|| self.type_error("a whole number from 0 to 1000000"))
    }

    /// The number of a training stage or cycle, of which there is a list.
    pub(super) fn cycle(&self) -> Result<u32, ConfigError> {
        let value = self.value.as_u64().filter(|v| *v <= 10_000);
        let value = value.and_then(|v| u32::try_from(v).ok());
        value.ok_or_else(|| self.type_error("a whole number from 0 to 10000"))
    }

    pub(super) fn seed(&self) -> Result<u64, ConfigError> {
        self.value.as_u64().ok_or_else(|| self.type_error("a non-negative integer"))
    }

    /// The ratio of image to event resolution.
    pub(super) fn scale(&self) -> Result<f64, ConfigError> {
        let range = MIN_SCALE_FACTOR..=MAX_IMAGE_SIDE_PX as f64;
        let value = self.number()?;
        range.contains(&value).then_some(value).ok_or_else(|| {
            self.type_error("a ratio of image to event resolution, from 0.0625 to 8192")
        })
    }

    pub(super) fn optional<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        if self.value.is_null() { Ok(None) } else { read(self).map(Some) }
    }

    /// One value, or the first and the remaining values of a list.
    pub(super) fn one_or_more<T>(
        &self,
        read: impl Fn(&Self) -> Result<T, ConfigError>,
    ) -> Result<(T, Vec<T>), ConfigError> {
        if !self.value.is_sequence() {
            return Ok((read(self)?, Vec::new()));
        }
        let mut all = self.list(read)?.into_iter();
        let first = all.next().ok_or_else(|| self.type_error("a value or a non-empty list"))?;
        Ok((first, all.collect()))
    }

    pub(super) fn list<T>(
        &self,
        read: impl Fn(&Self) -> Result<T, ConfigError>,
    ) -> Result<Vec<T>, ConfigError> {
        let values = self.value.as_sequence().ok_or_else(|| self.type_error("a list"))?;
        values.iter().map(|value| read(&Self { key: self.key, value })).collect()
    }
}
