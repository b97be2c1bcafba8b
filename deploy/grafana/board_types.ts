// Copyright 2026 The Imprint Authors
// SPDX-License-Identifier: Apache-2.0

// What check_types.sh holds the dashboards against: Grafana's own types, narrowed to the two
// kinds of panels that are used, and what Prometheus' plugin adds to them.

import type {
  AnnotationQuery,
  Dashboard,
  DataSourceRef,
  FieldConfig,
  GraphFieldConfig,
  Panel as AnyPanel,
  RowPanel,
  VariableModel,
} from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as TimeSeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// In JSON an enum is the text of its value.
type Json<T> = T extends string
  ? `${T}`
  : T extends (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

interface Target {
  refId: string;
  datasource: DataSourceRef;
  editorMode: 'code';
  expr: string;
  legendFormat: string;
}

// What is shown as one value is asked for now: the last one of a range may be hours old.
type NowTarget = Target & { instant: true };
type RangeTarget = Target & { range: true };

type Panel<Type, Options, Custom, Query> = Omit<AnyPanel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: Type;
  options: Options;
  targets: Query[];
  fieldConfig: {
    defaults: Omit<FieldConfig, 'custom'> & { custom?: Custom };
    overrides: NonNullable<AnyPanel['fieldConfig']>['overrides'];
  };
};

export type Board = Json<
  Omit<Dashboard, 'panels' | 'annotations' | 'templating' | 'id'> & {
    id: null;
    panels: (
      | Panel<'stat', StatOptions, never, NowTarget>
      | Panel<'timeseries', TimeSeriesOptions, GraphFieldConfig, RangeTarget>
      | RowPanel
    )[];
    annotations: {
      list: (AnnotationQuery & {
        expr?: string;
        step?: string;
        titleFormat?: string;
        textFormat?: string;
        tagKeys?: string;
      })[];
    };
    templating: { list: (VariableModel & { definition?: string })[] };
  }
>;
