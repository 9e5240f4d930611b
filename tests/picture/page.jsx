// Draws the panels of a Grafana dashboard with Grafana's own components. `page.py` bundles it, and puts the dashboard
// and what its queries gave beside it, as `DATA`.
import { createRoot } from "react-dom/client";
import {
  FieldType, Registry, applyFieldOverrides, createTheme, dateTime, getFieldDisplayValues, toDataFrame,
} from "@grafana/data";
import { BigValue, BigValueGraphMode, GlobalStyles, PanelChrome, ThemeContext, TimeSeries } from "@grafana/ui";

// Grafana's program is not on npm, only its components. So the defaults that its panels have are repeated here.
const STANDARD = ["unit", "min", "max", "decimals", "displayName", "color", "thresholds", "mappings", "noValue"];
const CUSTOM = {
  drawStyle: "line", lineInterpolation: "linear", lineWidth: 1, lineStyle: { fill: "solid" }, fillOpacity: 0,
  gradientMode: "none", barAlignment: 0, barWidthFactor: 0.6, spanNulls: false, showPoints: "auto", pointSize: 5,
  stacking: { mode: "none", group: "A" }, axisPlacement: "auto", axisLabel: "", axisColorMode: "text",
  axisBorderShow: false, axisCenteredZero: false, axisSoftMin: undefined, axisSoftMax: undefined,
  scaleDistribution: { type: "linear" }, hideFrom: { tooltip: false, viz: false, legend: false },
  thresholdsStyle: { mode: "off" },
};
const COLORS = { timeseries: { mode: "palette-classic" }, stat: { mode: "thresholds" } };
const COLUMNS = 24;

const property = (id, path, isCustom) => ({ id, path, isCustom, name: id, process: (value) => value, shouldApply: () => true });
const registry = new Registry(() => [
  ...STANDARD.map((name) => property(name, name, false)),
  ...Object.keys(CUSTOM).map((name) => property(`custom.${name}`, name, true)),
]);
const theme = createTheme({ colors: { mode: "dark" } });
const shared = { theme, timeZone: "utc", replaceVariables: (text) => text };
const timeRange = { from: dateTime(DATA.from), to: dateTime(DATA.to), raw: { from: "", to: "" } };

function framesOf(panel) {
  const { defaults, overrides } = panel.fieldConfig;
  const custom = { ...CUSTOM, ...defaults.custom };
  return applyFieldOverrides({
    ...shared,
    fieldConfigRegistry: registry,
    fieldConfig: { defaults: { color: COLORS[panel.type], ...defaults, custom }, overrides },
    data: DATA.panels[panel.id].map(({ refId, name, labels, times, values }) => toDataFrame({
      refId,
      fields: [
        { name: "Time", type: FieldType.time, values: times, config: { interval: DATA.step } },
        { name: "Value", type: FieldType.number, values, labels, config: { displayNameFromDS: name } },
      ],
    })),
  });
}

function Graph({ panel, width, height }) {
  const frames = framesOf(panel);
  if (!frames.length) return <div style={{ textAlign: "center", paddingTop: height / 2 - 10 }}>No data</div>;
  return <TimeSeries {...{ frames, timeRange, width, height }} legend={panel.options.legend} timeZone="utc" />;
}

function Stat({ panel, width, height }) {
  const { reduceOptions, colorMode, textMode, justifyMode } = panel.options;
  const found = getFieldDisplayValues({ ...shared, reduceOptions, fieldConfig: panel.fieldConfig, data: framesOf(panel) });
  return (
    <div style={{ display: "flex", gap: 4 }}>
      {found.map(({ display }, place) => (
        <BigValue key={place} value={display} width={width / found.length - 2} graphMode={BigValueGraphMode.None}
          {...{ theme, height, colorMode, textMode, justifyMode }} />
      ))}
    </div>
  );
}

const KINDS = { timeseries: Graph, stat: Stat };

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const column = (DATA.width + DATA.gap) / COLUMNS, row = DATA.row + DATA.gap;
  const width = w * column - DATA.gap, height = h * row - DATA.gap;
  const Kind = KINDS[panel.type];
  return (
    <div style={{ position: "absolute", left: DATA.gap + x * column, top: DATA.gap + y * row, width, height }}>
      <PanelChrome title={panel.title} description={panel.description} width={width} height={height}>
        {(width, height) => <Kind {...{ panel, width, height }} />}
      </PanelChrome>
    </div>
  );
}

window.__grafana_public_path__ = "./"; // where the fonts are
createRoot(document.getElementById("root")).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    {DATA.dashboard.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
  </ThemeContext.Provider>,
);
