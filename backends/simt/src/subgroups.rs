//! Operations of subgroups.

use crate::functions::Body;
use crate::{Error, types};
use naga::{CollectiveOperation, Direction, Expression, GatherMode, Handle, SubgroupOperation};

impl Body<'_, '_> {
    pub(crate) fn ballot(
        &mut self,
        result: Handle<Expression>,
        predicate: Option<Handle<Expression>>,
    ) -> Result<(), Error> {
        let predicate = match predicate {
            Some(predicate) => self.value(predicate)?,
            None => "true".into(),
        };
        self.bake(result, format_args!("wgsl::subgroup_ballot({predicate})"))
    }

    pub(crate) fn gather(
        &mut self,
        mode: GatherMode,
        argument: Handle<Expression>,
        result: Handle<Expression>,
    ) -> Result<(), Error> {
        let value = self.value(argument)?;
        let lane = |name: &str, index: Handle<Expression>| -> Result<String, Error> {
            Ok(format!("wgsl::{name}({value}, u32({}))", self.value(index)?))
        };
        let call = match mode {
            GatherMode::BroadcastFirst => format!("wgsl::broadcast_first({value})"),
            GatherMode::Broadcast(index) | GatherMode::Shuffle(index) => lane("shuffle", index)?,
            GatherMode::ShuffleDown(index) => lane("shuffle_down", index)?,
            GatherMode::ShuffleUp(index) => lane("shuffle_up", index)?,
            GatherMode::ShuffleXor(index) => lane("shuffle_xor", index)?,
            GatherMode::QuadBroadcast(index) => lane("quad_broadcast", index)?,
            GatherMode::QuadSwap(Direction::X) => format!("wgsl::shuffle_xor({value}, 1u)"),
            GatherMode::QuadSwap(Direction::Y) => format!("wgsl::shuffle_xor({value}, 2u)"),
            GatherMode::QuadSwap(Direction::Diagonal) => format!("wgsl::shuffle_xor({value}, 3u)"),
        };
        self.bake(result, call)
    }

    pub(crate) fn collective(
        &mut self,
        op: SubgroupOperation,
        collective: CollectiveOperation,
        argument: Handle<Expression>,
        result: Handle<Expression>,
    ) -> Result<(), Error> {
        let value = self.value(argument)?;
        let fold = match op {
            SubgroupOperation::All => return self.bake(result, format_args!("wgsl::subgroup_all({value})")),
            SubgroupOperation::Any => return self.bake(result, format_args!("wgsl::subgroup_any({value})")),
            SubgroupOperation::Add => "fold_add",
            SubgroupOperation::Mul => "fold_mul",
            SubgroupOperation::Min => "fold_min",
            SubgroupOperation::Max => "fold_max",
            SubgroupOperation::And => "fold_and",
            SubgroupOperation::Or => "fold_or",
            SubgroupOperation::Xor => "fold_xor",
        };
        let call = match (collective, op) {
            (CollectiveOperation::Reduce, _) => format!("wgsl::reduce<wgsl::{fold}>({value})"),
            (CollectiveOperation::InclusiveScan, _) => format!("wgsl::inclusive_scan<wgsl::{fold}>({value})"),
            (CollectiveOperation::ExclusiveScan, SubgroupOperation::Add) => {
                let ty = types::resolved_name(self.context, self.names, &self.info[argument].ty)?;
                format!("wgsl::exclusive_scan<wgsl::{fold}>({value}, {ty}{{}})")
            }
            (CollectiveOperation::ExclusiveScan, SubgroupOperation::Mul) => {
                let (Some(scalar), inner) = (self.ty(argument).scalar(), self.ty(argument)) else {
                    return Err(self.unsupported("a scan of something without a scalar type", argument));
                };
                let scalar = types::scalar(scalar).unwrap_or("u32");
                let one = format!("wgsl::convert<{scalar}>(1u)");
                let one = match inner.components() {
                    Some(n) => format!("wgsl::splat{n}({one})"),
                    None => one,
                };
                format!("wgsl::exclusive_scan<wgsl::{fold}>({value}, {one})")
            }
            (CollectiveOperation::ExclusiveScan, _) => {
                return Err(self.unsupported(format!("an exclusive scan of {op:?}"), argument));
            }
        };
        self.bake(result, call)
    }
}
