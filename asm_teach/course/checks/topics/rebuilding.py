"""The whole model put together, lesson 4: the slips that it invites, and in which of its parts one lies.

Each slip is one line of equations (1) to (3) done wrong. If a learner's function gives the same face, that is the slip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache, partial

import torch
from torch import Tensor

from asm_teach.course.checks.comparing import differs, equal, not_finite, not_numbers, one_of
from asm_teach.course.checks.draws import seed_of
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.checks.slips import changed_inputs
from asm_teach.course.checks.topics.rotations import cross_matrix
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.transforms import Rig

_CLOSE = 1e-5  # of the largest coordinate: float32 is enough, none of the slips below is
Theta = Mapping[str, Tensor]
Face = Callable[[Tensor, Tensor, Tensor, list[int], Theta], Tensor]

SLIPS = {
    "still": "the template comes back as it was: nothing moves yet",
    "centre": "the Gaussians sit at ζ + μ: `mixture_mean` is measured from the bone's place",
    "over_bones": "π is the softmax over the K Gaussians of one bone; yours goes over the bones",
    "no_half": "the exponent is -(x² + y²) / 2: the half is missing",
    "one_plus": "the scale of a bone is exp(`log_scale`), not 1 + `log_scale`",
    "degrees": "`rotation` is in radians already",
    "backwards": "the translations go backwards: t has the wrong sign",
    "offset": "the Gaussians sit at ζ itself: their offsets μ, `mixture_mean`, are missing",
    "shares": "π is the softmax of the logits over the Gaussians of a bone: exp alone does not make them sum to 1",
    "even": "all Gaussians of a bone count alike: their shares π, the softmax of `mixture_logits`, are missing",
    "height": "a wider Gaussian is lower: 1 / det L is missing from the density, -a - c in its logarithm",
    "widths": "a and c are logarithms: the diagonal of L is e^a and e^c",
    "tilt": "L is taken as diagonal: solving L (x, y) = d gives y = (d_1 - b x) / e^c",
    "upper": "b stands below the diagonal of L, and you have it above",
    "down": "the weights are normalised over the vertices; the shares of one vertex, over the bones, sum to 1",
    "nearest": "the bone sits at the nearest vertex; equation (3) takes the mean of three corners, by β",
    "log_scale": "the scale of a bone is exp(`log_scale`), not `log_scale` itself",
    "scale_last": "scale acts before the turn: T_j = [R diag(s) | t], not diag(s) R",
    "other_way": "the turns go the other way round: R is transposed",
    "euler": "the rotation is one vector, axis times angle: its matrix is exp([r]_x), not three turns in a row",
    "alone": "no bone follows its parent: G_j = G_p (B_p^-1 B_j) T_j",
    "stacked": "B_p^-1 is missing: G_j = G_p (B_p^-1 B_j) T_j",
    "unbound": "S_j = G_j B_j^-1: without B_j^-1 a vertex is not brought into the bone's frame",
}


def face_by_slip(
    vertices: Tensor, faces: Tensor, uv: Tensor, parents: list[int], theta: Theta, slip: str = ""
) -> Tensor:
    """The face (V, 3) of eq. (1) to (3), with one of the `SLIPS` or with none."""
    theta = {**theta, **_changed(theta, slip)}
    if slip == "still":
        return vertices
    w = weights_by_slip(uv, theta, slip)
    S = _matrices(_pivots(vertices, faces, uv, theta["bone_uv"], slip), parents, theta, slip)
    v = torch.cat([vertices, torch.ones_like(vertices[:, :1])], 1)
    return torch.einsum("ij,jab,ib->ia", w, S, v)[:, :3]


def _changed(theta: Theta, slip: str) -> Theta:
    """What of theta another reading of it changes."""
    if slip == "centre":
        return {"mixture_mean": theta["mixture_mean"] - theta["bone_uv"][:, None]}
    if slip == "no_half":  # as if all Gaussians were narrower by the root of 2
        half = math.log(2) / 2
        a, b, c = theta["mixture_factor"].unbind(-1)
        return {"mixture_factor": torch.stack([a - half, b / math.sqrt(2), c - half], -1)}
    if slip == "one_plus":
        return {"log_scale": theta["log_scale"].log1p()}
    if slip == "degrees":
        return {"rotation": theta["rotation"].deg2rad()}
    return {"translation": -theta["translation"]} if slip == "backwards" else {}


def weights_by_slip(uv: Tensor, theta: Theta, slip: str = "") -> Tensor:
    """The weights (V, J) of eq. (2), with one of the `SLIPS` or with none."""
    a, b, c = theta["mixture_factor"].unbind(-1)
    mean, logits = theta["mixture_mean"], theta["mixture_logits"]
    d = uv[:, None, None] - (theta["bone_uv"][:, None] + (0 * mean if slip == "offset" else mean))
    e_a, e_c = (a, c) if slip == "widths" else (a.exp(), c.exp())
    b = 0 * b if slip == "tilt" else b
    if slip == "upper":
        y = d[..., 1] / e_c
        x = (d[..., 0] - b * y) / e_a
    else:
        x = d[..., 0] / e_a
        y = (d[..., 1] - b * x) / e_c
    log_g = -(x**2 + y**2) / 2 - (0 if slip == "height" else a + c)
    log_pi = {"shares": logits, "even": 0 * logits, "over_bones": logits.log_softmax(0)}.get(
        slip, logits.log_softmax(-1)
    )
    return (log_g + log_pi).logsumexp(-1).softmax(0 if slip == "down" else 1)


def wrong_weights(uv: Tensor, bone_uv: Tensor, logits: Tensor, mean: Tensor, factor: Tensor) -> dict[str, Tensor]:
    """What slips in equation (2) give, as lesson 2 asks for it: sentence -> weights (V, J)."""
    names = {"bone_uv": bone_uv, "mixture_logits": logits, "mixture_mean": mean, "mixture_factor": factor}
    slips = ("offset", "shares", "even", "height", "widths", "tilt", "upper", "down")
    a, b, c = factor.unbind(-1)

    def terms(centre: Tensor) -> Tensor:
        d = uv[:, None, None] - centre
        x = d[..., 0] / a.exp()
        return (
            logits.log_softmax(-1) - (x**2 + ((d[..., 1] - b * x) / c.exp()) ** 2) / 2 - a - c - math.log(2 * math.pi)
        )

    z = terms(bone_uv[:, None] + mean)
    log_g, density, crossed = z.logsumexp(-1), z.exp(), terms(bone_uv + mean).logsumexp(-1).softmax(1)
    return {SLIPS[slip]: weights_by_slip(uv, names, slip) for slip in slips} | {
        "this is log g: the softmax over the bones is still missing": log_g,
        "this is g: the division by the sum over the bones is still missing": log_g.exp(),
        "the Gaussians of a bone add up, their logarithms do not: logsumexp, not sum": z.sum(-1).softmax(1),
        "this takes the mean of the logarithms over k: logsumexp adds up what they stand for": z.mean(-1).softmax(1),
        "logarithms are divided by their sum: that is not the softmax, which takes exp first": (
            log_g / log_g.sum(1, keepdim=True)
        ),
        "`bone_uv` (J, 2) met `mean` (J, K, 2) along the wrong axis: give it one more, `bone_uv[:, None]`": crossed,
        "the sign: the centre of a Gaussian is zeta + mu": terms(bone_uv[:, None] - mean).logsumexp(-1).softmax(1),
        "this is the softmax of the distances alone: the Gaussians do not count yet": (
            (-torch.cdist(uv, bone_uv)).softmax(1)
        ),
        "each Gaussian was normalised by itself; the shares of the bones sum to 1 over the bones": (
            density / density.sum(1, keepdim=True)
        ).mean(-1),
    }


def _pivots(vertices: Tensor, faces: Tensor, uv: Tensor, bone_uv: Tensor, slip: str) -> Tensor:
    if slip == "nearest":
        return vertices[torch.cdist(bone_uv, uv).argmin(1)]
    u0, u1, u2 = uv[faces].unbind(1)
    beta = torch.linalg.solve(torch.stack([u1 - u0, u2 - u0], -1), (bone_uv[:, None] - u0)[..., None])[..., 0]
    beta = torch.cat([1 - beta.sum(-1, keepdim=True), beta], -1)  # (J, F, 3)
    f = beta.amin(-1).argmax(1)
    return torch.einsum("jc,jcx->jx", beta[torch.arange(len(f)), f], vertices[faces[f]])


def _matrices(points: Tensor, parents: list[int], theta: Theta, slip: str) -> Tensor:
    eye = torch.eye(4).to(points)
    G: list[Tensor] = []
    B = eye.repeat(len(points), 1, 1)
    B[:, :3, 3] = points
    for j, parent in enumerate(parents):
        s = theta["log_scale"][j] if slip == "log_scale" else theta["log_scale"][j].exp()
        r = theta["rotation"][j]
        turns = [torch.linalg.matrix_exp(cross_matrix(one)) for one in (torch.diag(r) if slip == "euler" else r[None])]
        R = torch.linalg.multi_dot(turns[::-1]) if len(turns) > 1 else turns[0]
        R = R.T if slip == "other_way" else R
        T = eye.clone()
        T[:3, :3] = torch.diag(s) @ R if slip == "scale_last" else R @ torch.diag(s)
        T[:3, 3] = theta["translation"][j]
        if parent < 0 or slip == "alone":
            G.append(B[j] @ T)
        else:
            G.append(G[parent] @ (eye if slip == "stacked" else torch.linalg.inv(B[parent])) @ B[j] @ T)
    return torch.stack(G) if slip == "unbound" else torch.stack(G) @ torch.linalg.inv(B)


# --- judging an answer


@lru_cache(maxsize=8)
def case(components: int = 2, seed: int = 0) -> AdaptiveSkinningModel:
    """A small dome with five bones and random numbers everywhere, float64."""
    steps = torch.linspace(0.05, 0.95, 9, dtype=torch.float64)
    uv = torch.cartesian_prod(steps, steps)
    vertices = torch.cat([100 * (uv - 0.5), 40 - 80 * (uv - 0.5).square().sum(1, keepdim=True)], 1)
    corner = torch.cartesian_prod(torch.arange(8), torch.arange(8)) @ torch.tensor([9, 1])
    faces = torch.cat([corner[:, None] + torch.tensor(one) for one in ((0, 9, 10), (0, 10, 1))])
    place = torch.tensor([[0.5, 0.5], [0.52, 0.68], [0.33, 0.72], [0.7, 0.31], [0.81, 0.24]])
    rig = Rig(tuple("abcde"), torch.tensor([-1, 0, 1, 0, 3]), uv=place)
    model = AdaptiveSkinningModel(Mesh(vertices, faces, uv=uv), rig, components).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    sizes = {"translation": 3.0, "rotation": 0.4, "log_scale": 0.2, "bone_uv": 0.01, "mixture_logits": 0.5}
    for name, parameter in model.named_parameters():
        parameter.add_(sizes.get(name, 0.1) * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


def judge(function: Face) -> str | None:
    """What is wrong with a model that a learner put together, or None."""
    model = case(seed=seed_of(0))
    inputs, theta = _given(model), _theta(model)
    names = ["vertices", "faces", "uv", "parents", *theta]
    before = [torch.as_tensor(one) for one in (*_given(model), *_theta(model).values())]
    found, right = function(*inputs, theta), model()
    after = [torch.as_tensor(one) for one in (*inputs, *(theta.get(name, torch.empty(0)) for name in names[4:]))]
    if sentence := changed_inputs(before, after, names):
        return sentence
    if not equal(found, right, _CLOSE):
        wrong = {words: partial(face_by_slip, *inputs, theta, slip) for slip, words in SLIPS.items()}
        return (
            one_of(found, wrong, _CLOSE)
            or not_numbers(found)
            or wrong_shape(found, right)
            or not_finite(found)
            or _part(function, model)
        )
    other = case(3, seed_of(1))
    if not equal(function(*_given(other), _theta(other)), other(), _CLOSE):
        return "it is right for two Gaussians per bone, but not for three: sum over all K of them"
    narrow = {name: value.float() for name, value in theta.items()}
    narrow["mixture_factor"] = torch.tensor([math.log(0.004), 0.0, math.log(0.004)]).expand(5, 2, 3)
    vertices, faces, uv, parents = inputs
    if not torch.as_tensor(function(vertices.float(), faces, uv.float(), parents, narrow)).isfinite().all():
        return "it is right until the Gaussians get narrow: then g is 0 / 0 in float32; stay in the logarithm"
    return _derivatives(function, model)


def _given(model: AdaptiveSkinningModel) -> tuple[Tensor, Tensor, Tensor, list[int]]:
    """Copies: the case is cached, and an answer may write into its arguments."""
    return model.vertices.clone(), model.mesh.faces.clone(), model.uv.clone(), model.rig.parents.tolist()


def _theta(model: AdaptiveSkinningModel, **instead: Tensor) -> dict[str, Tensor]:
    return {name: instead.get(name, p.detach().clone()) for name, p in model.named_parameters()}


def _part(function: Face, model: AdaptiveSkinningModel) -> str:
    """Find the part of the model where an unknown mistake lies, by switching the parts on one after another."""
    inputs, still = _given(model), {n: torch.zeros(5, 3).double() for n in ("translation", "rotation", "log_scale")}
    if not equal(function(*inputs, _theta(model, **still)), model.vertices, _CLOSE):
        return "with all bones at rest the template does not come back: is S_j = I then, and do rows of w sum to 1?"
    last = still["translation"].clone()
    last[4, 2] = 1.0  # this bone has no children: vertices rise by their share of it
    risen = (function(*inputs, _theta(model, **{**still, "translation": last})) - model.vertices)[:, 2]
    if sentence := differs(risen, model.weights()[:, 4]):
        return f"the weights, equation (2), are wrong: {sentence}"
    for name, words in (("log_scale", "scales"), ("rotation", "turns"), ("translation", "translations")):
        theta = _theta(model, **{**still, name: _theta(model)[name]})
        if not equal(function(*inputs, theta), face_by_slip(*inputs, theta), _CLOSE):
            return f"the weights are right, but a motion of {words} alone is wrong: look at B_j, T_j and the tree"
    return "weights, scales, turns and translations are each right alone: look at the order in T_j"


def _derivatives(function: Face, model: AdaptiveSkinningModel) -> str | None:
    theta = {name: value.requires_grad_(True) for name, value in _theta(model).items()}
    face = None
    try:
        face = function(*_given(model), theta)
    except RuntimeError as error:
        if "numpy()" not in str(error):  # what torch says where a derivative would be lost
            raise
    lost = list(theta)
    if isinstance(face, Tensor) and face.requires_grad:
        gradients = torch.autograd.grad(face.square().mean(), list(theta.values()), allow_unused=True)
        lost = [name for name, gradient in zip(theta, gradients, strict=True) if gradient is None]
    if lost:
        return f"the face is right, but no derivative leads back to {', '.join(lost)}: no numpy, item() or detach()"
    return None
