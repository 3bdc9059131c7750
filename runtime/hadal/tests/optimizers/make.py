"""Makes the traces that ../optimizers.rs compares with: 20 steps of each optimizer, 24 of each schedule, in float64.

    python3 make.py        # PyTorch 1.13 and numpy

Optimizers that PyTorch has are run from there. Lion, LAMB, Muon and Adafactor are written here from their papers in plain torch ops.
"""

import json
import math
import pathlib
import warnings

import torch

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
HERE = pathlib.Path(__file__).parent
STEPS = 20


def problem():
    generator = torch.Generator().manual_seed(5)
    draw = lambda *shape: torch.randn(*shape, generator=generator).float().double()
    return {"x": draw(8, 3), "y": draw(8, 2), "w": draw(3, 4), "b": draw(4), "v": draw(4, 2)}


def loss_of(p, x, y):
    return ((torch.tanh(x @ p["w"] + p["b"]) @ p["v"] - y) ** 2).mean()


def numbers(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]


def trace(rate, make, clip=None, after=None):
    """`make(parameters)` gives a function that takes the rate and moves the parameters by their `.grad`."""
    data = problem()
    p = {k: data[k].clone().requires_grad_() for k in "wbv"}
    move = make(p)
    losses, first = [], None
    for step in range(STEPS):
        for value in p.values():
            value.grad = None
        loss = loss_of(p, data["x"], data["y"])
        loss.backward()
        if clip:
            clip(list(p.values()))
        move(rate * (1 - step / 40))
        if after:
            after(p)
        losses.append(float(f"{loss.item():.9g}"))
        if step == 0:
            first = {k: numbers(t) for k, t in p.items()}
    return {"rate": rate, "losses": losses, "first": first, "last": {k: numbers(t) for k, t in p.items()}}


def torch_optimizer(kind, factors=None, decays=None, **options):
    def make(p):
        groups = [
            {"params": [t], "factor": (factors or {}).get(k, 1.0), **({"weight_decay": decays[k]} if decays and k in decays else {})}
            for k, t in p.items()
        ]
        optimizer = kind(groups, lr=1.0, **options)

        def move(rate):
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]
            optimizer.step()

        return move

    return make


def own(rule):
    """`rule(parameter, gradient, state, t, rate)` returns the parameter's next value."""

    def make(p):
        states, count = {k: {} for k in p}, [0]

        def move(rate):
            count[0] += 1
            for k, t in p.items():
                with torch.no_grad():
                    t.copy_(rule(t.clone(), t.grad.clone(), states[k], count[0], rate))

        return move

    return make


def lion(beta1, beta2, decay):
    """Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2."""

    def rule(p, g, s, t, rate):
        m = s.get("m", torch.zeros_like(p))
        c = beta1 * m + (1 - beta1) * g
        s["m"] = beta2 * m + (1 - beta2) * g
        return p - rate * (c.sign() + decay * p)

    return own(rule)


def lamb(beta1, beta2, epsilon, decay):
    """You et al. 2020, "Large batch optimization for deep learning", algorithm 2, with phi the identity."""

    def rule(p, g, s, t, rate):
        s["m"] = m = beta1 * s.get("m", torch.zeros_like(p)) + (1 - beta1) * g
        s["v"] = v = beta2 * s.get("v", torch.zeros_like(p)) + (1 - beta2) * g**2
        r = (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + epsilon)
        u = r + decay * p
        trust = p.norm() / u.norm() if p.norm() > 0 and u.norm() > 0 else 1.0
        return p - rate * trust * u

    return own(rule)


def adafactor(beta1=0.0, scale=True, decay=0.0, eps1=1e-30, eps2=1e-3, clip=1.0, power=0.8):
    """Shazeer and Stern 2018, "Adafactor", algorithms 4 and 5."""
    rms = lambda x: (x**2).mean().sqrt()

    def rule(p, g, s, t, rate):
        b2 = 1 - t**-power
        square = g**2 + eps1
        if p.dim() >= 2:
            s["r"] = r = b2 * s.get("r", 0.0) + (1 - b2) * square.sum(-1)
            s["c"] = c = b2 * s.get("c", 0.0) + (1 - b2) * square.sum(-2)
            v = torch.outer(r, c) / r.sum()
        else:
            s["v"] = v = b2 * s.get("v", 0.0) + (1 - b2) * square
        u = g / v.sqrt()
        u = u / max(1.0, (rms(u) / clip).item())
        if beta1:
            s["m"] = u = beta1 * s.get("m", torch.zeros_like(p)) + (1 - beta1) * u
        if scale:
            rate = rate * max(eps2, rms(p).item())
        return p - rate * (u + decay * p)

    return own(rule)


def muon(momentum, nesterov, decay, others_rate):
    """Jordan et al. 2024, "Muon": https://kellerjordan.github.io/posts/muon. Vectors move by AdamW."""

    def orthogonal(g):
        a, b, c = 3.4445, -4.7750, 2.0315
        x = g.T if g.shape[0] > g.shape[1] else g
        x = x / (x.norm() + 1e-7)
        for _ in range(5):
            gram = x @ x.T
            x = a * x + (b * gram + c * gram @ gram) @ x
        return x.T if g.shape[0] > g.shape[1] else x

    def rule(p, g, s, t, rate):
        if p.dim() < 2:
            s["m"] = m = 0.9 * s.get("m", torch.zeros_like(p)) + 0.1 * g
            s["v"] = v = 0.95 * s.get("v", torch.zeros_like(p)) + 0.05 * g**2
            u = (m / (1 - 0.9**t)) / ((v / (1 - 0.95**t)).sqrt() + 1e-10)
            return p - rate * others_rate * (u + decay * p)
        s["m"] = m = momentum * s.get("m", torch.zeros_like(p)) + (1 - momentum) * g
        u = (1 - momentum) * g + momentum * m if nesterov else m
        u = orthogonal(u) * max(1.0, p.shape[0] / p.shape[1]) ** 0.5
        return p - rate * (u + decay * p)

    return own(rule)


def ema(decay):
    averages = {}

    def after(p):
        for k, t in p.items():
            averages[k] = decay * averages.get(k, problem()[k]) + (1 - decay) * t.detach()

    return averages, after


def optimizers():
    o, norm, value = torch.optim, torch.nn.utils.clip_grad_norm_, torch.nn.utils.clip_grad_value_
    rows = {
        "sgd": trace(0.1, torch_optimizer(o.SGD)),
        "sgd_momentum_dampening": trace(0.1, torch_optimizer(o.SGD, momentum=0.9, dampening=0.3, weight_decay=0.05)),
        "sgd_nesterov": trace(0.05, torch_optimizer(o.SGD, momentum=0.9, nesterov=True)),
        "adam": trace(0.05, torch_optimizer(o.Adam)),
        "adam_l2_amsgrad": trace(0.05, torch_optimizer(o.Adam, betas=(0.8, 0.95), weight_decay=0.1, amsgrad=True)),
        "adamw": trace(0.05, torch_optimizer(o.AdamW, weight_decay=0.1)),
        "adamw_groups": trace(
            0.05, torch_optimizer(o.AdamW, factors={"v": 0.5}, decays={"b": 0.0, "v": 0.3}, weight_decay=0.1)
        ),
        "rmsprop": trace(0.01, torch_optimizer(o.RMSprop)),
        "rmsprop_centered_momentum": trace(
            0.01, torch_optimizer(o.RMSprop, alpha=0.9, centered=True, momentum=0.8, weight_decay=0.05, eps=1e-3)
        ),
        "adagrad": trace(0.1, torch_optimizer(o.Adagrad)),
        "adagrad_decaying": trace(
            0.1, torch_optimizer(o.Adagrad, lr_decay=0.1, initial_accumulator_value=0.1, weight_decay=0.05)
        ),
        "adafactor": trace(0.1, adafactor()),
        "adafactor_momentum": trace(0.05, adafactor(beta1=0.9, scale=False, decay=0.1)),
        "lion": trace(0.02, lion(0.9, 0.99, 0.1)),
        "lamb": trace(0.05, lamb(0.9, 0.999, 1e-6, 0.1)),
        "muon": trace(0.1, muon(0.95, True, 0.0, 0.015)),
        "muon_heavy_ball": trace(0.1, muon(0.9, False, 0.1, 0.5)),
        "adam_clipped_by_norm": trace(0.05, torch_optimizer(o.Adam, eps=0.1), clip=lambda p: norm(p, 0.3)),
        "sgd_clipped_by_value": trace(0.1, torch_optimizer(o.SGD), clip=lambda p: value(p, 0.05)),
    }
    averages, after = ema(0.9)
    rows["sgd_averaged"] = trace(0.1, torch_optimizer(o.SGD), after=after)
    rows["sgd_averaged"]["averages"] = {k: numbers(t) for k, t in averages.items()}
    return {"problem": {k: numbers(t) for k, t in problem().items()}, "rows": rows}


def schedules():
    l = torch.optim.lr_scheduler
    steps = 24

    def rates(make, base=0.1, metric=None):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
        schedule, result = make(optimizer), []
        for step in range(steps):
            result.append(float(f"{optimizer.param_groups[0]['lr']:.12g}"))
            optimizer.step()
            schedule.step(*([metric(step)] if metric else []))
        return result

    warm = lambda o, then, n: l.SequentialLR(o, [l.LinearLR(o, start_factor=0.25, total_iters=n), then], milestones=[n])
    falling = lambda step: max(0.5, 2.0 - 0.3 * step) + (0.1 if step % 5 == 4 else 0.0)
    return {
        "constant": rates(lambda o: l.ConstantLR(o, factor=1.0)),
        "step": rates(lambda o: l.StepLR(o, 7, gamma=0.5)),
        "multi_step": rates(lambda o: l.MultiStepLR(o, [5, 6, 15], gamma=0.3)),
        "exponential": rates(lambda o: l.ExponentialLR(o, 0.9)),
        "polynomial": rates(lambda o: l.PolynomialLR(o, total_iters=18, power=2.0)),
        "cosine": rates(lambda o: l.CosineAnnealingLR(o, steps, eta_min=0.01)),
        "cosine_restarts": rates(lambda o: l.CosineAnnealingWarmRestarts(o, 4, T_mult=2, eta_min=0.01)),
        "cosine_restarts_equal": rates(lambda o: l.CosineAnnealingWarmRestarts(o, 5)),
        "one_cycle": rates(lambda o: l.OneCycleLR(o, 0.5, total_steps=steps + 1)),
        "one_cycle_linear_three_phases": rates(
            lambda o: l.OneCycleLR(
                o, 0.5, total_steps=steps + 1, pct_start=0.25, anneal_strategy="linear", three_phase=True,
                div_factor=10, final_div_factor=100,
            )
        ),
        "warmup_cosine": rates(lambda o: warm(o, l.CosineAnnealingLR(o, 16), 8)),
        "warmup_step": rates(lambda o: warm(o, l.StepLR(o, 5, gamma=0.1), 6)),
        "plateau": rates(
            lambda o: l.ReduceLROnPlateau(o, factor=0.5, patience=2, threshold=0.01, cooldown=1, min_lr=0.02), metric=falling
        ),
        "plateau_of_accuracy": rates(
            lambda o: l.ReduceLROnPlateau(o, mode="max", factor=0.1, patience=1, threshold=0.9, threshold_mode="abs"),
            metric=lambda step: math.sqrt(step),
        ),
    }


def write(name, value):
    text = json.dumps(value, separators=(",", ":")).replace('},"', '},\n"')
    (HERE / name).write_text(text + "\n")


if __name__ == "__main__":
    write("optimizers.json", optimizers())
    write("schedules.json", schedules())
