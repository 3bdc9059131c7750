//! What a task says of a whole data set.

use crate::metric::Examples;
use crate::{Result, Task};
use hadal::{DType, Device, JitFunction, Tensor, jit};
use hadal_data::{Batch, DataLoader};

/// The function that is traced: losses, and where there are some scores and targets.
type Traced<'a> = Box<dyn Fn(&[Tensor]) -> hadal::Result<Vec<Tensor>> + 'a>;

/// Evaluates a task over data sets, with one plan for each size of batch.
pub struct Evaluator<'a> {
    task: &'a dyn Task,
    device: Device,
    examine: JitFunction<Traced<'a>>,
}

impl<'a> Evaluator<'a> {
    /// An evaluator of `task`, whose module lives on `device`.
    pub fn new(task: &'a dyn Task, device: &Device) -> Evaluator<'a> {
        let examine: Traced<'a> = Box::new(move |fields| {
            let found = task.evaluate(fields)?;
            let mut results = vec![found.losses.to_dtype(DType::F32)?];
            if let (Some(scores), Some(targets)) = (found.scores, found.targets) {
                results.push(scores.to_dtype(DType::F32)?);
                results.push(targets.to_dtype(DType::I64)?);
            }
            Ok(results)
        });
        Evaluator { task, device: device.clone(), examine: jit(device, examine) }
    }

    /// Evaluates the task on a data set, in evaluation mode, and shows the examples of each batch.
    ///
    /// Errors: those of data and device, and of `each`.
    pub fn run(&self, data: &DataLoader, mut each: impl FnMut(&Examples) -> Result<()>) -> Result<()> {
        self.task.module().eval();
        for batch in data.epoch(0) {
            let fields = upload(&self.device, &batch?, self.task.fields())?;
            let results = self.examine.call(&fields.iter().collect::<Vec<_>>())?;
            let mut examples = Examples::default();
            if let Some(losses) = results.first() {
                examples.losses = losses.to_vec()?;
            }
            if let [_, scores, targets] = &results[..] {
                examples.scores = scores.to_vec()?;
                examples.targets = targets.to_vec()?;
            }
            each(&examples)?;
        }
        Ok(())
    }
}

/// The fields of a batch on a device. Errors: `Data` for one that is missing.
pub(crate) fn upload(device: &Device, batch: &Batch, fields: &[&str]) -> Result<Vec<Tensor>> {
    fields.iter().map(|name| Ok(Tensor::from_host(device, batch.field(name)?)?)).collect()
}
