//! Samples: what a data set gives and what a model takes.

use crate::DataError;
use hadal_graph::HostTensor;
use std::fmt;
use std::sync::Arc;

/// Named host tensors, in the order in which they were put in. One sample of a data set, or many of them stacked.
///
/// ```
/// use hadal_data::Sample;
/// use hadal_graph::{DType, HostTensor, Scalar};
/// let sample = Sample::new().with("label", HostTensor::scalar(DType::I32, Scalar::Int(3)));
/// assert_eq!(sample.field("label")?.to_f64(), [3.0]);
/// assert!(sample.field("lable").is_err());
/// # Ok::<(), hadal_data::DataError>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Sample {
    fields: Vec<(Arc<str>, HostTensor)>,
}

impl Sample {
    /// A sample without fields.
    pub fn new() -> Sample {
        Sample::default()
    }

    /// This sample with one field more; a field of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<Arc<str>>, value: HostTensor) -> Sample {
        self.insert(name, value);
        self
    }

    /// Adds a field. Returns the field of this name that was there, whose place it takes.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: HostTensor) -> Option<HostTensor> {
        let name = name.into();
        match self.fields.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => Some(std::mem::replace(old, value)),
            None => {
                self.fields.push((name, value));
                None
            }
        }
    }

    /// A field. Errors: `Field`, which names those that are there.
    pub fn field(&self, name: &str) -> Result<&HostTensor, DataError> {
        let found = self.fields.iter().find(|(n, _)| &**n == name);
        found.map(|(_, value)| value).ok_or_else(|| self.no_field(name))
    }

    /// Takes a field out. Errors: `Field`, which names those that are there.
    pub fn take(&mut self, name: &str) -> Result<HostTensor, DataError> {
        match self.fields.iter().position(|(n, _)| &**n == name) {
            Some(at) => Ok(self.fields.remove(at).1),
            None => Err(self.no_field(name)),
        }
    }

    /// Names and tensors.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &HostTensor)> {
        self.fields.iter().map(|(name, value)| (name, value))
    }

    /// The names of the fields.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.fields.iter().map(|(name, _)| &**name)
    }

    /// Bytes of all fields.
    pub fn bytes(&self) -> usize {
        self.fields.iter().map(|(_, value)| value.bytes().len()).sum()
    }

    fn no_field(&self, name: &str) -> DataError {
        DataError::Field { name: name.into(), fields: self.names().map(str::to_string).collect() }
    }
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl FromIterator<(Arc<str>, HostTensor)> for Sample {
    /// Of two fields of one name the later one counts.
    fn from_iter<I: IntoIterator<Item = (Arc<str>, HostTensor)>>(fields: I) -> Sample {
        let mut sample = Sample::new();
        for (name, value) in fields {
            sample.insert(name, value);
        }
        sample
    }
}

impl IntoIterator for Sample {
    type Item = (Arc<str>, HostTensor);
    type IntoIter = std::vec::IntoIter<(Arc<str>, HostTensor)>;
    fn into_iter(self) -> Self::IntoIter {
        self.fields.into_iter()
    }
}
