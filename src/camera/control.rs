//! Controls as data: what can be set on a camera, for a window to draw.

use std::borrow::Cow;

/// The value of a control.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Value {
    /// On or off.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with fractions.
    Float(f64),
    /// One of the control's choices.
    Enum(String),
}

/// Something that can be set.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Control {
    /// What it is set by, with its unit: `exposure_us`.
    pub name: Cow<'static, str>,
    /// What it is called on screen.
    pub label: &'static str,
    /// What heads it on screen where there are several cameras: the camera it belongs to, with
    /// its serial number. A driver leaves it empty.
    pub group: Cow<'static, str>,
    /// Its present value.
    pub value: Value,
    /// Smallest and largest number, where it is one.
    pub range: Option<(f64, f64)>,
    /// The values to choose from, where it is a choice.
    pub choices: Vec<String>,
    /// For those who know what they do: raw biases.
    pub expert: bool,
    /// Setting it interrupts the stream: of a drag only the value at its end is to be sent.
    pub on_release: bool,
}

impl Control {
    fn new(name: &'static str, label: &'static str, value: Value) -> Self {
        Self {
            name: name.into(),
            label,
            group: Cow::default(),
            value,
            range: None,
            choices: Vec::new(),
            expert: false,
            on_release: false,
        }
    }

    /// A whole number between two ends.
    pub fn whole(name: &'static str, label: &'static str, value: i64, range: (i64, i64)) -> Self {
        let range = Some((range.0 as f64, range.1 as f64));
        Self { range, ..Self::new(name, label, Value::Int(value)) }
    }

    /// A number between two ends.
    pub fn number(name: &'static str, label: &'static str, value: f64, range: (f64, f64)) -> Self {
        Self { range: Some(range), ..Self::new(name, label, Value::Float(value)) }
    }

    /// On or off.
    pub fn switch(name: &'static str, label: &'static str, value: bool) -> Self {
        Self::new(name, label, Value::Bool(value))
    }

    /// One of several.
    pub fn choice(
        name: &'static str,
        label: &'static str,
        value: impl Into<String>,
        choices: Vec<String>,
    ) -> Self {
        Self { choices, ..Self::new(name, label, Value::Enum(value.into())) }
    }

    /// The same, for experts.
    pub fn for_experts(mut self) -> Self {
        self.expert = true;
        self
    }

    /// The same, set only when a drag has ended, because every setting interrupts the stream.
    pub fn set_on_release(mut self) -> Self {
        self.on_release = true;
        self
    }

    /// Whether `value` is one that this control can take.
    ///
    /// # Errors
    /// Another kind of value, or one outside of the range or the choices.
    pub fn check(&self, value: &Value) -> Result<(), ControlError> {
        let number = match (&self.value, value) {
            (Value::Bool(_), Value::Bool(_)) => return Ok(()),
            (Value::Enum(_), Value::Enum(c)) if self.choices.contains(c) => return Ok(()),
            (Value::Enum(_), Value::Enum(_)) => {
                return Err(ControlError::Range {
                    name: self.name.clone().into(),
                    value: value.clone(),
                });
            }
            (Value::Int(_), Value::Int(v)) => *v as f64,
            (Value::Float(_), Value::Float(v)) => *v,
            _ => {
                return Err(ControlError::Kind {
                    name: self.name.clone().into(),
                    value: value.clone(),
                });
            }
        };
        match self.range {
            Some((low, high)) if !(low..=high).contains(&number) => {
                Err(ControlError::Range { name: self.name.clone().into(), value: value.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// Why a control could not be set.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum ControlError {
    /// The camera has none of that name.
    #[error("this camera has no control named {0}")]
    Unknown(String),
    /// A switch was given a number, or the like.
    #[error("{name} cannot take a value of the kind of {value:?}")]
    Kind {
        /// The control.
        name: String,
        /// What it was to be set to.
        value: Value,
    },
    /// Outside of what the control allows.
    #[error("{name} cannot be set to {value:?}: outside of its range")]
    Range {
        /// The control.
        name: String,
        /// What it was to be set to.
        value: Value,
    },
    /// The camera refused.
    #[error("the camera did not accept {0}")]
    Refused(String),
}
