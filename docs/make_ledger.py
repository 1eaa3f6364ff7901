"""The ledger: every equation of `method.md`, where it is computed, derived and tested. Writes `docs/ledger.md`.

    python docs/make_ledger.py

`tests/docs/test_ledger.py` fails when an equation is missing here, when an entry points nowhere, or when the page is
stale.
"""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
import re
import sys
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
_TAG = re.compile(r"\$\$(.*?)\\tag\{([\d.]+)\}\s*\$\$", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """One equation.

    what: a few words. code: dotted names below `asm_teach`, whose docstrings (or those of their modules) name the
    equation. lessons: (notebook, words of the one cell in it that states the equation). tests: file::function.
    """

    what: str
    code: tuple[str, ...]
    lessons: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]


LEDGER: dict[str, Entry] = {
    "1": Entry(
        "linear blend skinning",
        ("model.skinning.linear_blend_skinning", "model.adaptive.SkinnedModel.forward"),
        (("01_linear_blend_skinning", r"\tag{1}"), ("04_adaptive_model", r"\tag{1}")),
        (
            "model/test_skinning.py::test_skinning_agrees_with_a_triple_loop",
            "model/test_skinning.py::test_skinning_passes_gradcheck",
            "model/test_adaptive.py::test_the_model_is_the_equations",
        ),
    ),
    "1.1": Entry(
        "nine numbers of motion",
        ("model.transforms.bone_transforms", "model.transforms.rotation_matrix"),
        (("01_linear_blend_skinning", r"\tag{1.1}"),),
        (
            "model/test_transforms.py::test_a_motion_scales_then_rotates_then_translates",
            "model/test_transforms.py::test_rotation_is_by_the_angle_in_radians_about_the_axis",
            "model/test_transforms.py::test_motions_pass_gradcheck",
        ),
    ),
    "1.2": Entry(
        "bones that hang on bones",
        (
            "model.transforms.world_matrices",
            "model.transforms.skinning_matrices",
            "fitting.bone_motion.Motion.matrices",
        ),
        (
            ("01_linear_blend_skinning", r"\tag{1.2}"),
            ("04_adaptive_model", r"G_j = G_{p(j)}\, \big(B_{p(j)}^{-1} B_j\big)\, T_j"),
            ("12_skull_neck_skin", r"S_j = S_{j-1}\,[\,R_j"),
        ),
        (
            "model/test_transforms.py::test_world_matrices_agree_with_a_recursive_walk",
            "model/test_transforms.py::test_identity_motion_gives_back_the_rest_head",
            "fitting/test_bone_motion.py::test_the_matrices_are_those_of_the_model",
        ),
    ),
    "2": Entry(
        "weights from Gaussian mixtures on the chart",
        (
            "model.mixture.mixture_weights",
            "model.adaptive.AdaptiveSkinningModel.weights",
        ),
        (("02_gaussian_weights", r"\tag{2}"), ("04_adaptive_model", r"\tag{2}")),
        (
            "model/test_mixture.py::test_the_reference_is_the_ratio_of_mixture_densities",
            "model/test_mixture.py::test_values_and_gradients_agree_with_the_reference",
            "model/test_mixture.py::test_weights_pass_gradcheck",
        ),
    ),
    "2.1": Entry(
        "covariances by their factors",
        ("model.mixture.exponent_coefficients",),
        (("02_gaussian_weights", r"\tag{2.1}"),),
        ("model/test_mixture.py::test_the_reference_is_the_ratio_of_mixture_densities",),
    ),
    "2.2": Entry(
        "weights in the logarithm",
        ("model.mixture.mixture_weights", "model.mixture.mixture_shares"),
        (("02_gaussian_weights", r"\tag{2.2}"),),
        (
            "model/test_mixture.py::test_a_point_fifty_sigmas_from_every_bone_goes_to_the_nearest",
            "model/test_mixture.py::test_what_is_below_the_cut_is_exactly_zero",
        ),
    ),
    "3": Entry(
        "from the chart to the skin",
        ("model.binding.Chart.bind",),
        (("03_dynamic_binding", r"\tag{3}"), ("04_adaptive_model", r"\tag{3}")),
        (
            "model/test_binding.py::test_the_surface_point_of_a_vertexs_uv_is_that_vertex",
            "model/test_binding.py::test_binding_passes_gradcheck_inside_and_outside",
            "model/test_binding.py::test_any_point_goes_to_the_nearest_point_of_the_chart",
        ),
    ),
    "3.1": Entry(
        "the derivative of the binding",
        ("model.binding.surface_jacobian",),
        (("03_dynamic_binding", r"\tag{3.1}"),),
        ("model/test_binding.py::test_the_surface_jacobian_is_the_derivative_of_bind",),
    ),
    "4.1": Entry(
        "how many numbers a face has",
        ("model.adaptive.AdaptiveSkinningModel",),
        (("04_adaptive_model", "$$J\\,(11 + 6K)$$"),),
        ("model/test_adaptive.py::test_an_adaptive_face_is_eleven_plus_six_k_numbers_a_bone",),
    ),
    "5.1": Entry(
        "all exponents as one product",
        ("model.mixture.chart_powers", "model.mixture.exponent_coefficients"),
        (("05_capacity", r"\cdot c_{jk}"),),
        ("model/test_mixture.py::test_values_and_gradients_agree_with_the_reference",),
    ),
    "5.2": Entry(
        "the best matrices for fixed weights",
        ("fitting.normal_equations.equations",),
        (("05_capacity", r"(A^\top a\, A)\; S"),),
        ("fitting/test_normal_equations.py::test_equations_of_motions_alone",),
    ),
    "5.3": Entry(
        "Levenberg-Marquardt steps",
        (
            "fitting.damped_step.Damping.step",
            "fitting.levenberg_marquardt.JointFit.step",
            "view_fit.bundle.Bundle.step",
        ),
        (("05_capacity", r"\lambda\, \mathrm{diag}(D^\top D)"),),
        (
            "fitting/test_levenberg_marquardt.py::test_a_few_steps_solve_what_can_be_solved",
            "fitting/test_levenberg_marquardt.py::test_with_next_to_no_prior_no_step_goes_uphill",
        ),
    ),
    "5.4": Entry(
        "how a vertex follows a Gaussian",
        ("fitting.normal_equations._slopes",),
        (("05_capacity", r"\frac{\partial v}{\partial q} = p_{jk}"),),
        (
            "fitting/test_normal_equations.py::test_the_slopes_are_those_of_autograd",
            "fitting/test_normal_equations.py::test_second_derivatives_are_the_square_of_the_jacobian",
        ),
    ),
    "6.1": Entry(
        "a chart that is injective by a theorem",
        ("new_head.chart_layout.lay_out",),
        (("06_new_topology", r"u_i = \sum_j \lambda_{ij}"),),
        ("new_head/test_chart_layout.py::test_every_surface_lies_flat_without_flips",),
    ),
    "7.1": Entry(
        "the pinhole camera",
        ("rendering.camera.project",),
        (("07_cameras_and_renderer", r"p = \frac{f}{x_3}"),),
        (
            "rendering/test_camera.py::test_many_cameras_at_once_equal_one_number_at_a_time",
            "rendering/test_camera.py::test_project_has_the_right_derivative_in_every_argument",
        ),
    ),
    "7.2": Entry(
        "which point of a triangle a pixel shows",
        ("rendering.interpolation.locate", "rendering.raster.rasterise"),
        (("07_cameras_and_renderer", r"b_i = t\; r_i \cdot d"),),
        (
            "rendering/test_interpolation.py::test_weights_depths_and_their_gradients_are_those_of_the_plain_form",
            "rendering/test_interpolation.py::test_a_straight_line_in_space_stays_straight_through_perspective",
        ),
    ),
    "7.3": Entry(
        "how that point moves with the corners",
        ("rendering.interpolation.locate",),
        (("07_cameras_and_renderer", r"dt = t\; n \cdot D"),),
        ("rendering/test_interpolation.py::test_gradcheck",),
    ),
    "7.4": Entry(
        "light as nine numbers",
        ("rendering.shading.shade", "rendering.shading.harmonics"),
        (("07_cameras_and_renderer", r"\sum_{k=1}^{9} l_k"),),
        (
            "rendering/test_renderer.py::test_the_nine_functions_are_orthonormal_on_the_sphere",
            "rendering/test_renderer.py::test_a_lamp_lights_about_as_the_cosine_law_says",
        ),
    ),
    "7.5": Entry(
        "outlines that have gradients",
        ("rendering.edges.antialias",),
        (("07_cameras_and_renderer", "Laine"),),
        (
            "rendering/test_edges.py::test_an_outline_covers_about_what_many_rays_say",
            "rendering/test_edges.py::test_the_gradient_of_a_pixel_sum_is_its_finite_difference",
        ),
    ),
    "8.1": Entry(
        "what a landmark asks for",
        ("view_fit.landmark_term.LandmarkLoss", "view_fit.landmark_term.LandmarkTerm"),
        (("08_multiview_fitting", r"\tag{8.1}"),),
        (
            "view_fit/test_landmark_term.py::test_the_loss_is_that_of_a_loop_in_millimetres",
            "view_fit/test_landmark_term.py::test_derivatives_are_those_of_the_loop",
        ),
    ),
    "8.2": Entry(
        "agreement of pictures",
        ("view_fit.skin_patches.Agreement.measure",),
        (("08_multiview_fitting", r"\tag{8.2}"),),
        (
            "view_fit/test_skin_patches.py::test_the_loss_is_that_of_a_loop",
            "view_fit/test_skin_patches.py::test_a_place_with_nothing_to_see_is_no_better_than_another_that_is_wrong",
        ),
    ),
    "8.3": Entry(
        "the common row is eliminated",
        ("view_fit.skin_patches.Agreement.measure",),
        (("08_multiview_fitting", r"\tag{8.3}"),),
        ("view_fit/test_skin_patches.py::test_force_and_metric_are_those_of_the_loop",),
    ),
    "8.4": Entry(
        "what an outline asks for",
        ("view_fit.outline_term.OutlineTerm", "geometry.visibility.occluding_contour"),
        (("08_multiview_fitting", r"\tag{8.4}"),),
        (
            "view_fit/test_outline_term.py::test_derivatives_are_those_of_the_loss",
            "geometry/test_visibility.py::test_the_contour_of_a_ball_is_the_circle_that_a_camera_sees",
        ),
    ),
    "9.1": Entry(
        "alignment",
        ("geometry.alignment.align_points",),
        (("09_views_and_capacity", r"\tag{9.1}"), ("12_skull_neck_skin", r"\min_{R,\,t}")),
        ("geometry/test_metrics.py::test_alignment_is_the_best_there_is_and_no_reflection",),
    ),
    "9.2": Entry(
        "a step of the linear model",
        ("view_fit.movable_face.LinearFace",),
        (("09_views_and_capacity", r"\tag{9.2}"),),
        ("view_fit/test_movable_face.py::test_one_step_of_a_linear_face_solves_what_is_linear",),
    ),
    "10.1": Entry(
        "expressions in a baked face",
        ("avatar.rest_pose.linear_part",),
        (("10_avatar", r"\tag{10.1}"),),
        ("avatar/test_export.py::test_a_posed_face_makes_the_same_shapes_as_a_baked_one",),
    ),
    "10.2": Entry(
        "weights in whole numbers",
        ("avatar.influences.heaviest",),
        (("10_avatar", r"\tag{10.2}"),),
        (
            "avatar/test_influences.py::test_the_missing_goes_to_those_that_lost_most",
            "avatar/test_influences.py::test_the_heaviest_bones_come_first_and_make_a_whole",
        ),
    ),
    "13.1": Entry(
        "where the skin moves",
        ("beyond.action_units.union_map",),
        (("13_what_a_reader_looks_at", r"\tag{13.1}"),),
        ("beyond/test_action_units.py::test_the_union_takes_the_most_of_maps_of_one_height",),
    ),
    "13.2": Entry(
        "the frame of a crop",
        ("beyond.face_crops.crop_frame",),
        (("13_what_a_reader_looks_at", r"\tag{13.2}"),),
        ("beyond/test_face_crops.py::test_the_frame_undoes_a_similarity",),
    ),
    "13.3": Entry(
        "the attention loss",
        ("beyond.reader.attention_loss",),
        (("13_what_a_reader_looks_at", r"\tag{13.3}"),),
        ("beyond/test_reader.py::test_the_loss_is_zero_for_the_same_shape_and_has_the_right_gradient",),
    ),
    "13.4": Entry(
        "the occlusion map",
        ("beyond.reader.occlusion_maps",),
        (("13_what_a_reader_looks_at", r"\tag{13.4}"),),
        ("beyond/test_reader.py::test_the_map_finds_the_only_square_that_counts",),
    ),
    "14.1": Entry(
        "gradient reversal",
        ("beyond.reversal.ReverseGradient", "beyond.reversal.train_reader"),
        (("14_labels_people_shortcuts", r"\tag{14.1}"),),
        ("beyond/test_reversal.py::test_the_reversal_changes_nothing_forwards_and_turns_the_gradient_round",),
    ),
    "14.2": Entry(
        "F1 of action units",
        ("beyond.labelled_faces.f1_score",),
        (("14_labels_people_shortcuts", r"\tag{14.2}"),),
        ("beyond/test_labelled_faces.py::test_measures_agree_with_their_words",),
    ),
    "14.3": Entry(
        "concordance",
        ("beyond.labelled_faces.concordance",),
        (("14_labels_people_shortcuts", r"\tag{14.3}"),),
        ("beyond/test_labelled_faces.py::test_measures_agree_with_their_words",),
    ),
    "15.1": Entry(
        "flow by projection",
        ("beyond.moving.small_motions.flow_map",),
        (("15_small_and_moving", r"\tag{15.1}"),),
        ("beyond/moving/test_small_motions.py::test_flow_is_the_difference_of_two_projections",),
    ),
    "15.2": Entry(
        "attention",
        ("beyond.moving.small_motions.Block.attend",),
        (("15_small_and_moving", r"\tag{15.2}"),),
        (
            "beyond/moving/test_small_motions.py::test_attention_mixes_only_the_tokens_of_a_row",
            "beyond/moving/test_small_motions.py::test_attention_has_the_right_gradient",
        ),
    ),
    "15.3": Entry(
        "scores that give each class the same weight",
        ("beyond.moving.small_motions.uf1_uar",),
        (("15_small_and_moving", r"\tag{15.3}"),),
        ("beyond/moving/test_small_motions.py::test_scores_count_each_class_alike",),
    ),
    "15.4": Entry(
        "adapters with a router",
        ("beyond.moving.clips.CourseReader",),
        (("15_small_and_moving", r"\tag{15.4}"),),
        ("beyond/moving/test_clips.py::test_the_gates_weigh_what_the_adapters_add",),
    ),
    "15.5": Entry(
        "the gates of a router",
        ("beyond.moving.clips.noisy_top2",),
        (("15_small_and_moving", r"\tag{15.5}"),),
        (
            "beyond/moving/test_clips.py::test_two_gates_of_each_row_share_one",
            "beyond/moving/test_clips.py::test_the_router_and_its_balance_have_the_right_gradient",
        ),
    ),
    "15.6": Entry(
        "the balance of loads",
        ("beyond.moving.clips.balance",),
        (("15_small_and_moving", r"\tag{15.6}"),),
        ("beyond/moving/test_clips.py::test_the_balance_is_0_for_equal_loads_whatever_the_batch",),
    ),
    "15.7": Entry(
        "comparing with prompts",
        ("beyond.moving.scenes.prompt_logits",),
        (("15_small_and_moving", r"\tag{15.7}"),),
        ("beyond/moving/test_scenes.py::test_only_directions_count_for_prompts",),
    ),
    "16.1": Entry(
        "the photometric loss of a film",
        ("beyond.mouth.films.photometric_loss",),
        (("16_analysis_by_synthesis", r"\tag{16.1}"),),
        ("beyond/mouth/test_films.py::test_the_photometric_loss_forgives_exposure_and_nothing_else",),
    ),
    "16.2": Entry(
        "the lip reader's loss",
        ("beyond.mouth.films.lipread_loss",),
        (("16_analysis_by_synthesis", r"\tag{16.2}"),),
        ("beyond/mouth/test_films.py::test_the_lipread_loss_looks_at_directions",),
    ),
    "16.3": Entry(
        "the energy of a film",
        ("beyond.mouth.films.fit_film",),
        (("16_analysis_by_synthesis", r"\tag{16.3}"),),
        ("beyond/mouth/test_films.py::test_a_fit_comes_nearer_with_each_kind_of_loss",),
    ),
    "16.4": Entry(
        "a painter in place of the renderer",
        ("beyond.mouth.painting.Painter", "beyond.mouth.painting.carried"),
        (("16_analysis_by_synthesis", r"\tag{16.4}"),),
        ("beyond/mouth/test_painting.py::test_the_painter_takes_the_tone_of_skin_from_the_shown_pixels",),
    ),
    "16.5": Entry(
        "the cycle",
        ("beyond.mouth.painting.cycle_loss",),
        (("16_analysis_by_synthesis", r"\tag{16.5}"),),
        ("beyond/mouth/test_painting.py::test_the_cycle_asks_for_what_was_asked_for",),
    ),
    "16.6": Entry(
        "obedience",
        ("beyond.mouth.painting.obedience",),
        (("16_analysis_by_synthesis", r"\tag{16.6}"),),
        ("beyond/mouth/test_painting.py::test_obedience_is_a_slope",),
    ),
    "17.1": Entry(
        "what each phone asks of the mouth",
        ("beyond.speech.mouth_shapes.dominances",),
        (("17_faces_that_speak", r"\tag{17.1}"),),
        ("beyond/speech/test_mouth_shapes.py::test_the_closed_form_is_the_papers_sum",),
    ),
    "17.2": Entry(
        "the direction from noise to a take",
        ("beyond.speech.talkers.flow_loss",),
        (("17_faces_that_speak", r"\tag{17.2}"),),
        ("beyond/speech/test_talkers.py::test_it_learns",),
    ),
    "17.3": Entry(
        "the jerk at a seam",
        ("beyond.speech.talkers.jerk",),
        (("17_faces_that_speak", r"\tag{17.3}"),),
        ("beyond/speech/test_talkers.py::test_jerk_is_none_on_a_parabola_and_one_where_it_jumps",),
    ),
    "17.4": Entry(
        "windows that are shifted",
        ("beyond.speech.talkers.windows_at",),
        (("17_faces_that_speak", r"\tag{17.4}"),),
        ("beyond/speech/test_talkers.py::test_windows_cover_every_frame_and_go_round",),
    ),
    "17.5": Entry(
        "branches that exchange",
        ("beyond.speech.talkers.Look",),
        (("17_faces_that_speak", r"\tag{17.5}"),),
        ("beyond/speech/test_talkers.py::test_looking_prefers_the_same_time_and_has_the_right_gradient",),
    ),
    "18.1": Entry(
        "attention with a mask",
        ("beyond.driving.two_faces.masked_attention",),
        (("18_driving_and_editing", r"\tag{18.1}"),),
        (
            "beyond/driving/test_two_faces.py::"
            "test_masked_attention_hears_its_own_driver_alone_and_has_the_right_gradient",
        ),
    ),
    "18.2": Entry(
        "leakage",
        ("beyond.driving.two_faces.leakage",),
        (("18_driving_and_editing", r"\tag{18.2}"),),
        ("beyond/driving/test_two_faces.py::test_leakage_is_a_share_of_the_own_motion",),
    ),
    "18.3": Entry(
        "pictures and captions",
        ("beyond.captions.match_loss",),
        (("18_driving_and_editing", r"\tag{18.3}"),),
        ("beyond/test_captions.py::test_the_losses_are_least_for_the_right_partner_and_have_the_right_gradient",),
    ),
    "18.4": Entry(
        "the directional loss",
        ("beyond.captions.directional_loss",),
        (("18_driving_and_editing", r"\tag{18.4}"),),
        ("beyond/test_captions.py::test_the_losses_are_least_for_the_right_partner_and_have_the_right_gradient",),
    ),
    "18.5": Entry(
        "edits told apart",
        ("beyond.captions.contrast_loss",),
        (("18_driving_and_editing", r"\tag{18.5}"),),
        ("beyond/test_captions.py::test_the_losses_are_least_for_the_right_partner_and_have_the_right_gradient",),
    ),
    "19.1": Entry(
        "a learned prior",
        ("data.face_prior.FacePrior",),
        (("19_what_was_left_open", r"\tag{19.1}"),),
        ("many_heads/test_collection.py::test_the_prior_is_the_normal_distribution_that_it_says",),
    ),
    "19.2": Entry(
        "a held face",
        ("tracking.held_face.HeldFace",),
        (("19_what_was_left_open", r"\tag{19.2}"),),
        ("tracking/test_follow.py::test_residuals_have_the_slopes_that_they_say",),
    ),
    "19.3": Entry(
        "a walk that is drawn back",
        ("tracking.walk.Smoother",),
        (("19_what_was_left_open", r"\tag{19.3}"),),
        ("tracking/test_follow.py::test_the_smoother_is_the_regression_on_all_frames",),
    ),
}


def equations() -> dict[str, str]:
    """Number -> LaTeX of all equations in `method.md`, in their order."""
    text = (DOCS / "method.md").read_text(encoding="utf-8")
    return {tag: body.strip() for body, tag in _TAG.findall(text)}


def code_of(name: str) -> tuple[Path, int, str]:
    """File, line and docstring, its module's behind it, of a dotted name. Raises AttributeError if there is none."""
    found = pkgutil.resolve_name(f"asm_teach.{name}")
    loaded = sys.modules[found.__module__]
    lines, first = inspect.getsourcelines(found)
    own = " ".join((found.__doc__ or "").split())
    return Path(inspect.getsourcefile(found) or ""), first, f"{own} {' '.join((loaded.__doc__ or '').split())}".lower()


def lesson_cells(notebook: str, words: str) -> list[int]:
    """The numbers of the text cells of a lesson in which the words stand. Raises FileNotFoundError."""
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) if cell["cell_type"] == "markdown" else "" for cell in cells]
    return [n for n, text in enumerate(texts) if words in text]


def test_line(name: str) -> int:
    """The line of a test, `file::function`. Raises ValueError if it is not there."""
    file, function = name.split("::")
    for node in ast.walk(ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return node.lineno
    raise ValueError(f"there is no test {name}")


def page() -> str:
    """The ledger as Markdown."""
    lines = [
        "# Ledger",
        "",
        "<!-- Written by docs/make_ledger.py: change the table there. -->",
        "",
        "Every equation of [the method](method.md): the code that computes it, the lessons that derive it, the tests",
        "that hold it. `make test` fails when one of these is missing.",
        "",
        "| equation | | code | lessons | tests |",
        "|---|---|---|---|---|",
    ]
    for tag in equations():
        entry = LEDGER[tag]
        code = "<br>".join(f"`{name}`" for name in entry.code)
        lessons = "<br>".join(
            f"{notebook[:2]}, cell {lesson_cells(notebook, words)[0]}" for notebook, words in entry.lessons
        )
        tests = "<br>".join(f"`{name.split('::')[1]}`" for name in entry.tests)
        lines.append(f"| ({tag}) | {entry.what} | {code} | {lessons} | {tests} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    (DOCS / "ledger.md").write_text(page(), encoding="utf-8")
